//! `murphy doctor`: it proves a target to be a function of its schedule or shows where it is not, and says what never happened.

mod common;

use common::Place;
use serde_json::Value;

/// The one object that the doctor prints of a target.
#[track_caller]
fn object(place: &Place, line: &str, code: i32) -> Value {
    let ended = place.murphy(&format!("{line} --json"));
    assert_eq!(ended.code, code, "{ended:?}");
    let [object] = &ended.json()[..] else { panic!("{ended:?}") };
    assert_eq!(object["schema"], "murphy/doctor/1");
    object.clone()
}

#[test]
fn a_function_of_its_schedule_is_found_to_be_one_in_every_way() {
    let place = Place::new();
    let ended = place.murphy("doctor echo --schedules 60");
    assert_eq!(ended.code, 0, "{ended:?}");
    for words in ["twice in a row", "in a new process", "again after all the others", "60 schedules"] {
        assert!(ended.out.contains(words), "`{words}` is missing in {}", ended.out);
    }
    let object = object(&place, "doctor echo --schedules 60", 0);
    assert_eq!((&object["deterministic"], &object["runs"]), (&true.into(), &60.into()));
    assert!(object["nondeterminism"].is_null());
}

#[test]
fn the_order_of_a_hash_map_is_caught_and_named() {
    let place = Place::new();
    let ended = place.murphy("doctor echo-nondet");
    assert_eq!(ended.code, 4, "{ended:?}");
    for words in ["NOT a function of its schedule", "is the first that differs", "one run:", "the other:", "HashMap"] {
        assert!(ended.out.contains(words), "`{words}` is missing in {}", ended.out);
    }
    let object = object(&place, "doctor echo-nondet", 4);
    let difference = &object["nondeterminism"]["divergence"];
    assert_ne!(difference["first"][0], difference["second"][0], "{object}");
    assert!(difference["first"][0].as_str().is_some_and(|event| event.contains("→ n")), "{object}");
}

#[test]
fn a_campaign_on_it_ends_with_the_same_event() {
    let place = Place::new();
    let ended = place.murphy("fuzz echo-nondet");
    ended
        .complains(4, &["two runs of one schedule differed", "is the first that differs", "murphy doctor echo-nondet"]);
    assert!(place.folders().is_empty());
}

#[test]
fn it_says_what_had_no_effect_and_why() {
    let place = Place::new();
    let object = object(&place, "doctor raft-kv --schedules 200", 0);
    let faults = object["faults"].as_array().expect("a list");
    let fault = |name: &str| faults.iter().find(|fault| fault["fault"] == name).unwrap_or_else(|| panic!("{name}"));
    for name in ["partition", "crash", "pause"] {
        assert!(fault(name)["effects"].as_u64().is_some_and(|effects| effects > 10), "{name}: {object}");
        assert!(fault(name)["without_effect"].is_null(), "{name}: {object}");
    }
    for fault in faults.iter().filter(|fault| fault["effective_steps"] == 0) {
        assert!(fault["without_effect"].as_str().is_some_and(|why| !why.is_empty()), "{fault}");
    }
    assert_eq!(object["roles_never_taken"].as_array().map(Vec::len), Some(0));
    assert_eq!(object["settled"], 200);
    let functions = object["functions"].as_array().expect("a list");
    assert!(functions.iter().all(|function| function["ok"].as_u64() > Some(100)), "{object}");
    assert!(object["last_reads_ok"].as_u64() > Some(200), "{object}");
}

#[test]
fn what_a_target_lacks_is_why_a_fault_does_nothing_to_it() {
    let place = Place::new();
    let object = object(&place, "doctor omnipaxos --schedules 60", 0);
    let faults = object["faults"].as_array().expect("a list");
    let duplicate = faults.iter().find(|fault| fault["fault"] == "duplicate").expect("it is carried out");
    assert_eq!(duplicate["effects"], 0);
    assert!(duplicate["without_effect"].as_str().is_some_and(|why| why.contains("ordered streams")), "{duplicate}");
}

#[test]
fn it_asks_for_a_name_where_there_are_several_targets() {
    let place = Place::new();
    place.murphy("doctor").complains(2, &["say which target", "raft-kv", "echo-nondet"]);
    place.murphy("doctor nobody").complains(2, &["`nobody`"]);
}
