//! Tests of [`AtomicFile`]: each both with an unnamed and with a named temporary file.

use std::fs;
use std::os::unix::fs::symlink;

use super::super::together::commit_all;
use super::*;

type Make = fn(&Path, &Path) -> io::Result<Temporary>;
const MAKES: [Make; 2] = [Temporary::unnamed, Temporary::named];

fn commit(file: AtomicFile) -> Result<(), Failure> {
    commit_all(vec![file]).map_err(|(_, failure)| failure)
}

fn write_with(make: Make, path: &Path, text: &str) {
    let mut file = AtomicFile::create_with(path, make).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    commit(file).unwrap();
}

fn names_in(directory: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(name).collect();
    names.sort();
    names
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_file_appears_only_when_committed_and_nothing_else_stays() {
    for make in MAKES {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        let mut file = AtomicFile::create_with(&path, make).unwrap();
        file.write_all(&[b'x'; 3 * BUFFER_BYTES]).unwrap();
        file.write_all(b"y").unwrap();
        assert!(!path.exists());
        commit(file).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 3 * BUFFER_BYTES as u64 + 1);
        assert_eq!(names_in(dir.path()), ["out.txt"]);
    }
}

#[test]
fn a_dropped_file_leaves_what_was_there() {
    for make in MAKES {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        fs::write(&path, "before").unwrap();
        let mut file = AtomicFile::create_with(&path, make).unwrap();
        file.write_all(&[b'x'; 3 * BUFFER_BYTES]).unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(names_in(dir.path()), ["out.txt"]);
    }
}

#[test]
fn an_existing_file_keeps_its_mode_and_a_new_one_gets_the_usual() {
    for make in MAKES {
        let dir = tempfile::tempdir().unwrap();
        let ordinary = dir.path().join("ordinary");
        fs::write(&ordinary, "").unwrap();
        for mode in [0o600, 0o640, 0o777] {
            let path = dir.path().join("out.txt");
            fs::write(&path, "before").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            write_with(make, &path, "after");
            assert_eq!(mode_of(&path), mode);
            assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        }
        let fresh = dir.path().join("fresh");
        write_with(make, &fresh, "");
        assert_eq!(mode_of(&fresh), mode_of(&ordinary));
    }
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    for make in MAKES {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        let target = dir.path().join("data/real.txt");
        let link = dir.path().join("link.txt");
        symlink("data/real.txt", dir.path().join("second")).unwrap();
        symlink("second", &link).unwrap();
        // First the links dangle, then there is something to replace.
        for text in ["new", "newer"] {
            write_with(make, &link, text);
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&target).unwrap(), text);
            assert_eq!(names_in(dir.path()), ["data", "link.txt", "second"]);
        }
        symlink("loop", dir.path().join("loop")).unwrap();
        let failure = AtomicFile::create(dir.path().join("loop")).unwrap_err();
        assert!(failure.message.contains("symbolic links"), "{}", failure.message);
    }
}

#[test]
fn devices_and_open_files_are_written_straight() {
    write_with(Temporary::unnamed, Path::new("/dev/null"), "gone");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opened");
    fs::write(&path, "before, ").unwrap();
    let opened = File::open(&path).unwrap();
    write_with(Temporary::unnamed, &own_path(&opened), "after");
    assert_eq!(fs::read_to_string(&path).unwrap(), "before, after");
    let (mut reader, writer) = io::pipe().unwrap();
    let name = format!("/dev/fd/{}", writer.as_raw_fd());
    write_with(Temporary::unnamed, Path::new(&name), "through");
    drop(writer);
    assert_eq!(io::read_to_string(&mut reader).unwrap(), "through");
}

#[test]
fn a_path_that_no_file_can_have_is_refused_with_the_next_move() {
    let dir = tempfile::tempdir().unwrap();
    let refusal = |path: &Path| {
        let failure = AtomicFile::create(path).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Io);
        let text = format!("{}; {}", failure.message, failure.hint.unwrap_or_default());
        text.replace(dir.path().to_str().unwrap(), "DIR")
    };
    assert_eq!(
        refusal(&dir.path().join("no/where/out.txt")),
        "cannot write DIR/no/where/out.txt: there is no directory DIR/no/where; \
         make it first: mkdir -p DIR/no/where"
    );
    assert_eq!(
        refusal(dir.path()),
        "cannot write DIR: it names a directory; name a file in it, such as DIR/out.txt"
    );
    assert!(refusal(&dir.path().join("new/")).contains("it names a directory"));
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(refusal(&dir.path().join("file/out.txt")).contains("no directory DIR/file"));
}

#[test]
fn a_full_disk_is_named_with_the_path() {
    let mut file = AtomicFile::create("/dev/full").unwrap();
    let error = file.write_all(&[0; 2 * BUFFER_BYTES]).unwrap_err();
    let expected = "cannot write /dev/full: No space left on device (os error 28)";
    assert_eq!(file.failure(&error).message, expected);
    let mut file = AtomicFile::create("/dev/full").unwrap();
    file.write_all(b"buffered").unwrap();
    assert_eq!(commit(file).unwrap_err().message, expected);
}
