//! Files in one zip archive, uncompressed and without dates, so that the same files are the same archive.

use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, ZipWriter, result::ZipResult, write::SimpleFileOptions};

/// An archive of these files, by name.
///
/// # Errors
/// If a name cannot be one in an archive, or the files are larger than one can be.
pub(crate) fn zip(files: &[(String, Vec<u8>)]) -> ZipResult<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, contents) in files {
        archive.start_file(name.as_str(), options)?;
        archive.write_all(contents)?;
    }
    Ok(archive.finish()?.into_inner())
}
