//! How telemload writes a file: the one function for whole files, and the one way to open a file of a run.
//!
//! What exists keeps what it is: a device is written into and never replaced, a link stays a link, a file keeps its mode and its
//! owner. New files have the mode that the umask leaves of 0666.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, fcntl_setfl, fstat, mkdirat, open, openat, statat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

/// What the last part of a path may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Whatever the user named: a link, a device, a FIFO.
    Anything,
    /// A regular file or nothing: what else stands in a run directory is not telemload's.
    File,
}

/// Writes a file whole. A regular file is replaced, so that a reader sees the old one or the new one; anything else is opened and
/// written into. A reader that has gone is no error; `waits` is told that a FIFO has none yet.
///
/// # Errors
/// What the system says; what is no file where one is asked for.
pub(super) fn put(path: &Path, bytes: &[u8], last: Last, waits: impl FnOnce()) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let replaceable = found.as_ref().is_none_or(is_replaceable);
    if replaceable {
        match replace(path, bytes, found.as_ref()) {
            // The directory, or what is mounted at the path, does not allow another file there.
            Err(error) if found.is_some() && forbids_another(&error) => {}
            replaced => return replaced,
        }
    }
    let mut options = OpenOptions::new();
    options.write(true);
    if found.is_some_and(|found| !found.is_symlink()) {
        // Not `create`: it would make a file of what was removed meanwhile.
    } else {
        options.create(true);
    }
    let mut file = match last {
        Last::Anything => open_named(&mut options, path, waits)?,
        Last::File => open_file(&mut options, path)?,
    };
    if !file.metadata()?.is_file() {
        return match file.write_all(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written,
        };
    }
    file.set_len(0)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a file that is not there yet, with this mode from its first byte on. What cannot be written whole is taken away again.
///
/// # Errors
/// What the system says; something stands there.
pub(super) fn make(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

/// Opens what the user named, to write into it as things come. A regular file is written over only if that is asked for.
///
/// # Errors
/// What the system says; a regular file stands there (`AlreadyExists`).
pub(super) fn begin(path: &Path, over: bool, waits: impl FnOnce()) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    match fs::metadata(path) {
        Ok(found) if found.is_file() && !over => return Err(ErrorKind::AlreadyExists.into()),
        Ok(found) => options.truncate(found.is_file()),
        Err(error) if error.kind() == ErrorKind::NotFound => options.create_new(true),
        Err(error) => return Err(error),
    };
    open_named(&mut options, path, waits)
}

/// Whether another file in its place would be noticed by its content alone.
fn is_replaceable(found: &Metadata) -> bool {
    found.is_file() && found.nlink() == 1 && found.uid() == geteuid().as_raw()
}

fn forbids_another(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::ResourceBusy
    )
}

fn replace(path: &Path, bytes: &[u8], found: Option<&Metadata>) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let (mut file, temporary) = Temporary::create(parent)?;
    file.write_all(bytes)?;
    if let Some(found) = found {
        let kept = Permissions::from_mode(found.permissions().mode() & 0o7777);
        file.set_permissions(kept)?;
    }
    file.sync_all()?;
    fs::rename(&temporary.0, path)?;
    File::open(parent)?.sync_all()
}

/// A file under a name of its own, which is gone when it was not renamed. The umask decides its mode, and the system's words say
/// why there is none.
struct Temporary(PathBuf);

impl Temporary {
    fn create(parent: &Path) -> io::Result<(File, Self)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!(".telemload-{}-{number}.tmp", std::process::id()));
            match File::options().write(true).create_new(true).open(&path) {
                // Of one that was killed and had the same number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                opened => return opened.map(|file| (file, Self(path))),
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Opens a regular file: it neither follows a link nor waits for the other end of a FIFO.
pub(super) fn open_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let file = options
        .custom_flags(flags.cast_signed())
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == Errno::LOOP.raw_os_error() => {
                in_the_way("a link stands there, and telemload follows none in a run directory")
            }
            Some(code) if code == Errno::NXIO.raw_os_error() => {
                in_the_way("what stands there is no regular file")
            }
            _ => error,
        })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(in_the_way("what stands there is no regular file"))
    }
}

/// Opens whatever stands there to write into it.
fn open_named(options: &mut OpenOptions, path: &Path, waits: impl FnOnce()) -> io::Result<File> {
    if !fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
        return options.open(path);
    }
    // The first one is used if there is a reader: to close it would be the end of the file for that.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    match options.clone().custom_flags(flags).open(path) {
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            waits();
            options.open(path)
        }
        opened => {
            let file = opened?;
            fcntl_setfl(&file, OFlags::empty())?;
            Ok(file)
        }
    }
}

fn in_the_way(words: &str) -> io::Error {
    io::Error::new(ErrorKind::NotADirectory, words)
}

/// Goes down from `root`, which `is` of this device and inode, to `below`, making directories on the way, and follows no link below
/// `root`.
pub(super) fn descend(root: &Path, is: (u64, u64), below: &Path) -> io::Result<Directory> {
    let at = open_root(root)?;
    let found = fstat(&at)?;
    if (found.st_dev, found.st_ino) != is {
        let words = "the run directory was removed, and another one stands there";
        return Err(io::Error::new(ErrorKind::NotFound, words));
    }
    walk(at, below, |at, name| {
        match mkdirat(at, name, Mode::from_raw_mode(0o777)) {
            Err(Errno::EXIST) => Ok(()),
            made => made,
        }
    })
}

/// The same of what is there already.
pub(super) fn reach(root: &Path, below: &Path) -> io::Result<Directory> {
    let is_here = root.as_os_str().is_empty();
    let at = open_root(if is_here { Path::new(".") } else { root })?;
    walk(at, below, |_, _| Ok(()))
}

const DIRECTORY: OFlags = OFlags::DIRECTORY
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);

fn open_root(root: &Path) -> io::Result<OwnedFd> {
    Ok(open(root, DIRECTORY, Mode::empty())?)
}

fn walk(
    mut at: OwnedFd,
    below: &Path,
    make: impl Fn(&OwnedFd, &OsStr) -> Result<(), Errno>,
) -> io::Result<Directory> {
    for part in below.components() {
        match part {
            Component::CurDir => continue,
            Component::Normal(name) => {
                make(&at, name)?;
                at = step(&at, name)?;
            }
            _ => return Err(io::Error::from(ErrorKind::InvalidInput)),
        }
    }
    Ok(Directory(at))
}

fn step(at: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    openat(at, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()).map_err(|error| {
        let found = statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
        let is_link =
            found.is_ok_and(|of| FileType::from_raw_mode(of.st_mode) == FileType::Symlink);
        if is_link {
            in_the_way("a link stands there, and telemload follows none in a run directory")
        } else {
            error.into()
        }
    })
}

/// A directory that is held open: nobody can put another one in its place.
pub(super) struct Directory(OwnedFd);

impl Directory {
    /// A path to a file in it.
    pub(super) fn path(&self, name: &OsStr) -> PathBuf {
        let own = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        Path::new(&own).join(name)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_is_replaced_and_keeps_its_mode() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        fs::write(&file, "old and longer").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        let before = File::open(&file).unwrap();
        for last in [Last::Anything, Last::File] {
            put(&file, b"new", last, || {}).unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"new");
            assert_eq!(mode(&file), 0o640, "{last:?}");
        }
        // Whoever reads the old one reads it to its end.
        assert_eq!(io::read_to_string(before).unwrap(), "old and longer");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_stay_links_or_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::write(at("target"), "old and longer").unwrap();
        fs::set_permissions(at("target"), Permissions::from_mode(0o600)).unwrap();
        symlink("target", at("link")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        fs::hard_link(at("target"), at("hard")).unwrap();
        for name in ["link", "dangling"] {
            let refused = put(&at(name), b"x", Last::File, || {}).unwrap_err();
            assert!(
                refused.to_string().contains("a link stands there"),
                "{refused}"
            );
        }
        assert!(!at("nowhere").exists());
        put(&at("link"), b"new", Last::Anything, || {}).unwrap();
        assert!(at("link").is_symlink());
        assert_eq!(fs::read(at("hard")).unwrap(), b"new");
        assert_eq!(mode(&at("target")), 0o600);
        put(&at("hard"), b"both", Last::Anything, || {}).unwrap();
        assert_eq!(fs::read(at("target")).unwrap(), b"both");
        put(&at("dangling"), b"there", Last::Anything, || {}).unwrap();
        assert_eq!(fs::read(at("nowhere")).unwrap(), b"there");
        assert!(at("dangling").is_symlink());
    }

    #[test]
    fn no_link_is_followed_below_the_root() {
        let scratch = tempfile::tempdir().unwrap();
        let (root, outside) = (scratch.path().join("root"), scratch.path().join("outside"));
        fs::create_dir(&outside).unwrap();
        fs::create_dir(&root).unwrap();
        symlink(&outside, root.join("a")).unwrap();
        let found = fs::metadata(&root).unwrap();
        let is = (found.dev(), found.ino());
        let refused = descend(&root, is, Path::new("a/b")).err().unwrap();
        assert!(
            refused.to_string().contains("a link stands there"),
            "{refused}"
        );
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        let directory = descend(&root, is, Path::new("./c/d")).unwrap();
        put(&directory.path(OsStr::new("f")), b"x", Last::File, || {}).unwrap();
        assert_eq!(fs::read(root.join("c/d/f")).unwrap(), b"x");
        assert!(descend(&root, is, Path::new("../outside")).is_err());
        // Another one in its place takes nothing.
        fs::rename(&root, scratch.path().join("moved")).unwrap();
        fs::create_dir(&root).unwrap();
        assert!(descend(&root, is, Path::new("")).is_err());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    }
}
