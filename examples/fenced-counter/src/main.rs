//! The whole command over this system: `cargo run --release -- fuzz fenced-counter`.

fn main() {
    murphy::cli(murphy::targets![fenced_counter::FencedCounter])
}
