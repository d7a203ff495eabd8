//! The command `murphy` over the targets that ship with it.

fn main() {
    murphy::cli(murphy_targets::all())
}
