//! `murphy bench`: a row for each trial, none done twice.

mod common;

use std::collections::BTreeSet;

use common::Place;

const SMALL: &str =
    "bench --bug early-ack --arm guided --arm swarm --trials 2 --execs 5000 --pool 60000 --twin 500 --out table -j 2";

fn rows(place: &Place) -> Vec<Vec<String>> {
    let table = String::from_utf8(place.read("table/results.csv")).expect("a table is text");
    table.lines().skip(1).map(|line| line.split(',').map(str::to_string).collect()).collect()
}

#[test]
fn a_comparison_has_a_row_for_each_trial_and_goes_on_where_it_ended() {
    let place = Place::new();
    place.murphy(SMALL).complains(0, &[]);
    let first = rows(&place);
    let jobs: BTreeSet<_> = first.iter().map(|row| row[..5].to_vec()).collect();
    assert_eq!(jobs.len(), first.len(), "no trial is there twice: {first:?}");
    let of = |arm: &str, kind: &str| first.iter().filter(|row| row[2] == arm && row[3] == kind).collect::<Vec<_>>();
    assert_eq!((of("guided", "trial").len(), of("guided", "twin").len()), (2, 1));
    for trial in of("guided", "trial") {
        let (execs, hits): (u64, u64) = (trial[5].parse().expect("a number"), trial[8].parse().expect("a number"));
        assert!(hits == 1 && execs < 5000, "{trial:?}");
        assert_eq!((trial[11].as_str(), trial[12].as_str()), ("passes", "3/3"));
        let schedule = String::from_utf8(place.read(&format!("table/finds/{}.murphy", trial[10]))).expect("text");
        assert!(schedule.contains("target echo+early-ack"), "{schedule}");
    }
    assert_eq!(of("guided", "twin")[0][8], "0", "the twin is clean");
    let hits: u64 = of("swarm", "pool").iter().map(|row| row[8].parse::<u64>().expect("a number")).sum();
    assert!(hits >= 100, "a shallow bug is hit often: {first:?}");

    place.murphy(SMALL).complains(0, &[]);
    assert_eq!(rows(&place), first, "what is done is not done again");

    let table = String::from_utf8(place.read("table/results.csv")).expect("text");
    let kept: Vec<&str> = table.lines().filter(|line| !line.contains("guided,trial,2,")).collect();
    place.write("table/results.csv", kept.join("\n") + "\n");
    place.murphy(SMALL).complains(0, &[]);
    let mut again = rows(&place);
    let trial = again.pop().expect("the trial that was missing");
    let before = first.iter().find(|row| row[..5] == trial[..5]).expect("it was there before");
    assert_eq!((&trial[5], &trial[6], &trial[10]), (&before[5], &before[6], &before[10]), "and gave the same");
}

#[test]
fn a_crate_with_a_bug_of_its_own_is_compared_as_a_planted_one_is() {
    let place = Place::new();
    place.murphy("bench --bug omnipaxos --arm guided --trials 1 --execs 20000 --out table").complains(0, &[]);
    let rows = rows(&place);
    let [row] = &rows[..] else { panic!("one trial, and no twin of what has none: {rows:?}") };
    assert_eq!((row[0].as_str(), row[1].as_str(), row[8].as_str()), ("-", "omnipaxos", "1"));
    assert_eq!((row[11].as_str(), row[12].as_str()), ("-", "3/3"));
}

#[test]
fn what_is_found_with_draws_from_one_stream_is_replayed_with_them() {
    let place = Place::new();
    place.murphy("bench --bug F4 --arm streams --trials 6 --execs 5000 --twin 0 --out table").complains(0, &[]);
    let rows = rows(&place);
    for row in &rows {
        assert_eq!((row[8].as_str(), row[11].as_str(), row[12].as_str()), ("1", "passes", "3/3"));
    }
    let keyed = |row: &Vec<String>| place.murphy(&format!("replay table/finds/{}.murphy", row[10])).code;
    assert!(rows.iter().any(|row| keyed(row) == 0), "some fail only with draws from one stream: {rows:?}");
}

#[test]
fn a_bug_or_an_arm_that_there_is_not_is_named() {
    let place = Place::new();
    place.murphy("bench --bug early-akc --trials 1").complains(2, &["early-akc", "early-ack"]);
    place.murphy("bench --arm lucky").complains(2, &["lucky", "guided"]);
}
