//! Speed of the engine.
fn main() {
    divan::main();
}
