//! Speed of columns.
fn main() {
    divan::main();
}
