//! What was found stays a test: every finding in `crashes/`, and every schedule in `corpus/seeds/`.

fn main() {
    murphy::regress_main(murphy_targets::all(), ["../crashes", "../corpus/seeds"])
}
