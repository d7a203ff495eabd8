//! Storage for the crate: an image of the file, and a record of what was done to it.
//!
//! The database owns its storage, and the simulated disk belongs to whoever handles an input; neither can hold the other. So the
//! crate reads and changes an image, and the harness then does the same to the disk, call by call in the crate's order. To the
//! disk, and to a crash, that is as if the crate had done it: it never reads what it has not written, or what the harness has
//! not read for it.

use std::{
    io::{Error, ErrorKind, Result},
    sync::{Arc, Mutex, MutexGuard},
};

use redb::StorageBackend;

/// A change of the file, or a sync.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Write { offset: u64, data: Vec<u8> },
    SetLength(u64),
    Sync,
}

#[derive(Debug, Default)]
struct Image {
    bytes: Vec<u8>,
    calls: Vec<Call>,
}

/// One of the two handles of an image: the crate has one, the harness the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Storage(Arc<Mutex<Image>>);

impl Storage {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Image { bytes, calls: Vec::new() })))
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        self.0.lock().expect("nothing panics while it holds the image")
    }

    /// What the crate has done since this was asked last.
    pub(super) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.image().calls)
    }
}

impl StorageBackend for Storage {
    fn len(&self) -> Result<u64> {
        Ok(self.image().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let (image, from) = (self.image(), offset as usize);
        let bytes = image.bytes.get(from..from + out.len()).ok_or(Error::from(ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<()> {
        let mut image = self.image();
        image.bytes.resize(length as usize, 0);
        image.calls.push(Call::SetLength(length));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        self.image().calls.push(Call::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let (mut image, from) = (self.image(), offset as usize);
        let end = from + data.len();
        if image.bytes.len() < end {
            image.bytes.resize(end, 0);
        }
        image.bytes[from..end].copy_from_slice(data);
        image.calls.push(Call::Write { offset, data: data.to_vec() });
        Ok(())
    }
}
