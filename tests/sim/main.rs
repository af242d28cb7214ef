//! The crash simulator of the storage.
mod disk;

fn main() {
    println!("disk model: {} checks", disk::check_the_disk_itself());
}
