//! One test for each finding that was filed, and for each schedule that was written by hand.

fn main() {
    murphy::regress_main(murphy::targets![fenced_counter::FencedCounter], ["crashes", "schedules"])
}
