//! `murphy cmin`: fewer entries that reach the same, and nothing is lost unless it was said.

mod common;

use common::Place;

fn entries(place: &Place, folder: &str) -> usize {
    let names = std::fs::read_dir(place.path(folder)).expect("the folder is there");
    names.filter(|entry| !entry.as_ref().expect("an entry").file_name().to_string_lossy().starts_with('.')).count()
}

#[test]
fn a_corpus_shrinks_and_reaches_the_same() {
    let place = Place::new();
    place.murphy("fuzz echo --execs 1500 --corpus c").complains(0, &[]);
    let before = entries(&place, "c");
    let told = place.murphy("cmin echo --corpus c --json").json().remove(0);
    assert_eq!((entries(&place, "c"), told["entries"].as_u64()), (before, Some(before as u64)), "nothing is changed");
    let kept = told["kept"].as_u64().expect("a number") as usize;
    assert!(kept < before, "{told}");

    place.murphy("cmin echo --corpus c -o small").complains(0, &[]);
    assert_eq!((entries(&place, "c"), entries(&place, "small")), (before, kept));
    let again = place.murphy("cmin echo --corpus small --json").json().remove(0);
    assert_eq!(again["reached"], told["reached"]);

    place.murphy("cmin echo --corpus c --yes").complains(0, &[]);
    assert_eq!(entries(&place, "c"), kept);
    place.murphy("cmin echo --corpus nowhere").complains(10, &["nowhere"]);
}
