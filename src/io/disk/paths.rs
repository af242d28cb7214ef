//! Which file of a strand has which name.

use std::path::Path;
use std::path::PathBuf;

use crate::base::StrandId;
use crate::strand::ExtentId;
use crate::strand::File;
use crate::strand::IndexId;
use crate::strand::Slot;

/// Name of the manifest in the data directory.
pub const MANIFEST: &str = "manifest";

/// Name of the file in the data directory that a broker holds locked for life, and whoever looks
/// into a stopped one's for as long as it looks.
pub const LOCK: &str = "lock";

/// Ending of files that are being made. What a dead process left of them is removed.
const UNFINISHED: &str = "tmp";

/// Where the files of one strand lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StrandPaths {
    dir: PathBuf,
}

impl StrandPaths {
    /// Below the data directory `root`.
    pub fn new(root: &Path, strand: StrandId) -> Self {
        let name = match strand {
            StrandId::METADATA => "metadata".to_owned(),
            StrandId(number) => number.to_string(),
        };
        Self { dir: root.join("data").join(name) }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn of(&self, file: File) -> PathBuf {
        self.dir.join(match file {
            File::Extent(ExtentId(number)) => format!("{number:08}.extent"),
            File::Slot(Slot::A) => "a.slot".to_owned(),
            File::Slot(Slot::B) => "b.slot".to_owned(),
            File::Index(IndexId(number)) => format!("{number:016}.index"),
        })
    }

    /// The file that a name in the strand's directory stands for, if it is one.
    pub fn named(name: &str) -> Option<File> {
        match read_name(name) {
            Named::File(file) => Some(file),
            Named::Unfinished | Named::Guard | Named::Unknown => None,
        }
    }

    /// Where `file` is made before it gets its name.
    pub(crate) fn unfinished(&self, file: File) -> PathBuf {
        let mut path = self.of(file).into_os_string();
        path.push(".");
        path.push(UNFINISHED);
        path.into()
    }

    /// A small file that is written and synced to flush the device, and never read.
    pub(crate) fn guard(&self) -> PathBuf {
        self.dir.join("guard")
    }
}

/// What a name in a strand's directory says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Named {
    File(File),
    Unfinished,
    Guard,
    Unknown,
}

pub(crate) fn read_name(name: &str) -> Named {
    if name == "guard" {
        return Named::Guard;
    }
    let Some((stem, ending)) = name.rsplit_once('.') else { return Named::Unknown };
    let file = match (stem, ending) {
        (_, UNFINISHED) => return Named::Unfinished,
        ("a", "slot") => Some(File::Slot(Slot::A)),
        ("b", "slot") => Some(File::Slot(Slot::B)),
        (number, "extent") if is_number(number, 8) => {
            number.parse().ok().map(|number| File::Extent(ExtentId(number)))
        }
        (number, "index") if is_number(number, 16) => {
            number.parse().ok().map(|number| File::Index(IndexId(number)))
        }
        _ => None,
    };
    file.map_or(Named::Unknown, Named::File)
}

/// Numbers longer than their width are not padded; shorter ones are not ours.
fn is_number(text: &str, width: usize) -> bool {
    text.len() >= width
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == width || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let paths = StrandPaths::new(Path::new("/x"), StrandId(3));
        let files = [
            File::Extent(ExtentId(0)),
            File::Extent(ExtentId(u32::MAX)),
            File::Slot(Slot::A),
            File::Slot(Slot::B),
            File::Index(IndexId(7)),
            File::Index(IndexId(u64::MAX)),
        ];
        for file in files {
            let path = paths.of(file);
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(read_name(name), Named::File(file));
            let path = paths.unfinished(file);
            assert_eq!(read_name(path.file_name().unwrap().to_str().unwrap()), Named::Unfinished);
        }
        assert_eq!(paths.dir(), Path::new("/x/data/3"));
        for name in ["1.extent", "000000001.extent", "x.slot", "lost+found", "-0000001.extent"] {
            assert_eq!(read_name(name), Named::Unknown, "{name}");
        }
    }
}
