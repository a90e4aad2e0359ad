//! Starting the fault program and looking at what becomes of it.
//!
//! A newcomer's trap: every process that a run starts inherits an environment variable that no
//! other run has. That is how what is left behind is found, whoever its parent is by then.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const SOURCE: &str = include_str!("../programs/fault_program.rs");
const SOURCE_PATH: &str = "tests/programs/fault_program.rs";
const MARK: &str = "FAULT_MARK";

/// No run may take longer; what waits for ever is ended and fails its test.
const PATIENCE: Duration = Duration::from_secs(120);

/// What of an ended run may still be ending.
const GRACE: Duration = Duration::from_secs(6);

/// A folder of files for one test, and a folder for its temporary files.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(directory.path().join("temporary")).expect("a directory in it");
        Place { directory }
    }

    /// A place with `in.txt` in it.
    pub fn with_input(text: impl AsRef<[u8]>) -> Place {
        let place = Place::new();
        place.write("in.txt", text);
        place
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.directory.path().join(name), text).expect("a file in our own directory");
        self.path(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    pub fn input(&self) -> String {
        self.path("in.txt")
    }

    pub fn temporary(&self) -> PathBuf {
        self.directory.path().join("temporary")
    }

    /// The names in the folder, without the temporary one, hidden files too.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("our own directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .filter(|name| name != "temporary")
            .collect();
        names.sort();
        names
    }

    /// The fault program with a scenario and its arguments.
    pub fn program<const N: usize>(&self, arguments: [&str; N]) -> Program<'_> {
        check_program();
        let mut command = Command::new(program_path("fault_program"));
        command.args(arguments);
        Program::new(self, command, arguments.first().copied().unwrap_or_default())
    }

    /// The fault program, started by a line of bash where `"$@"` stands for it.
    pub fn shell<const N: usize>(&self, line: &str, arguments: [&str; N]) -> Program<'_> {
        check_program();
        let mut command = Command::new("bash");
        command.arg("-c").arg(line).arg("bash").arg(program_path("fault_program")).args(arguments);
        Program::new(self, command, arguments.first().copied().unwrap_or_default())
    }

    /// Any other command, watched in the same way.
    pub fn command(&self, command: Command) -> Program<'_> {
        Program::new(self, command, "")
    }
}

pub fn program_path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let path = test.parent().and_then(Path::parent).expect("target/debug").join(name);
    assert!(path.exists(), "{} is missing: cargo build", path.display());
    path
}

/// `cargo test` and `cargo test --test faults` build the program; `--package gleamflow` and
/// `--test kills` do not.
fn check_program() {
    static CHECKED: Once = Once::new();
    CHECKED.call_once(|| {
        let output = Command::new(program_path("fault_program")).arg("source").output();
        let same = output.is_ok_and(|output| output.stdout == SOURCE.as_bytes());
        assert!(same, "the fault program is older than its source: cargo build");
    });
}

/// A run that has not been started yet.
pub struct Program<'a> {
    place: &'a Place,
    command: Command,
    scenario: String,
    mark: String,
    out: File,
    error: File,
}

impl<'a> Program<'a> {
    fn new(place: &'a Place, mut command: Command, scenario: &str) -> Program<'a> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}", std::process::id());
        let (out, error) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        for (name, _) in std::env::vars_os() {
            if name.as_bytes().starts_with(b"GLEAMFLOW_") {
                command.env_remove(name);
            }
        }
        command
            .env(MARK, &mark)
            .env("GLEAMFLOW_TMPDIR", place.temporary())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(error.try_clone().unwrap())
            // A group of its own, as a shell with job control gives to it.
            .process_group(0);
        Program { place, command, scenario: scenario.to_owned(), mark, out, error }
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn workers(self, workers: usize) -> Self {
        self.env("GLEAMFLOW_WORKERS", workers.to_string())
    }

    /// The least memory that so many workers can do with.
    pub fn least_memory(self, workers: usize) -> Self {
        self.workers(workers).env("GLEAMFLOW_MEMORY", format!("{}M", 64 + 32 * workers))
    }

    /// Splits of so many bytes.
    pub fn split(self, bytes: usize) -> Self {
        self.env("FAULT_SPLIT", bytes.to_string())
    }

    pub fn threads(self) -> Self {
        self.env("FAULT_THREADS", "1")
    }

    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    pub fn change(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    pub fn start(mut self) -> Running<'a> {
        let child = self.command.spawn().expect("the program can be started");
        Running { program: self, child, since: Instant::now(), done: false }
    }

    pub fn run(self) -> Outcome {
        self.start().wait()
    }
}

/// A run that may be looked at and disturbed. Dropped, it is ended with all that belongs to it.
pub struct Running<'a> {
    program: Program<'a>,
    child: Child,
    since: Instant,
    done: bool,
}

impl Running<'_> {
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: i32) {
        send_signal(self.pid(), signal);
    }

    /// Sends a signal to the program's whole process group, as the terminal does.
    pub fn signal_group(&self, signal: i32) {
        send_signal(-self.pid(), signal);
    }

    /// Every process of this run that lives, the program too.
    pub fn processes(&self) -> Vec<Process> {
        processes(&self.program.mark)
    }

    pub fn workers(&self) -> Vec<Process> {
        let mut found = self.processes();
        found.retain(|process| process.arguments == ["gleamflow-worker"]);
        found
    }

    /// Waits until something of this run can be seen.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let since = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let text = || read_whole(&self.program.error);
            assert!(since.elapsed() < Duration::from_secs(30), "no {what}; stderr: {}", text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What has been written to stderr so far.
    pub fn stderr(&self) -> String {
        read_whole(&self.program.error)
    }

    /// Waits until a file is there, which a command or a step makes.
    pub fn until_file(&self, path: &str) {
        self.until(path, |_| Path::new(path).exists().then_some(()));
    }

    /// Waits for the end, and checks that nothing is left.
    pub fn wait(mut self) -> Outcome {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                break status;
            }
            if self.since.elapsed() > PATIENCE {
                let (left, text) = (self.processes(), read_whole(&self.program.error));
                panic!("still running after {PATIENCE:?}: {left:?}\nstderr: {text}");
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = self.since.elapsed();
        let ended = Instant::now();
        let left = loop {
            let left = self.processes();
            if left.is_empty() || ended.elapsed() > GRACE {
                break left;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        self.done = left.is_empty();
        let stderr = self.normal(&read_whole(&self.program.error));
        assert!(left.is_empty(), "processes are left behind: {left:?}\nstderr: {stderr}");
        let temporary: Vec<_> = match fs::read_dir(self.program.place.temporary()) {
            Ok(entries) => entries.map(|entry| entry.unwrap().file_name()).collect(),
            Err(_) => Vec::new(),
        };
        assert!(temporary.is_empty(), "temporary files are left: {temporary:?}\n{stderr}");
        Outcome {
            code: status.code(),
            signal: status.signal(),
            stdout: bytes_of(&self.program.out),
            stderr,
            took,
        }
    }

    /// The text of stderr with `DIR` for the test's folder and `HERE` for a line of the scenario
    /// where the operator that is named stands.
    fn normal(&self, text: &str) -> String {
        let directory = self.program.place.directory.path().to_str().expect("UTF-8");
        let mut normal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(SOURCE_PATH) {
            normal.push_str(&rest[..at]);
            let place = &rest[at + SOURCE_PATH.len()..];
            match self.end_of_place(place) {
                Some(end) => {
                    normal.push_str("HERE");
                    rest = &place[end..];
                }
                None => {
                    normal.push_str(SOURCE_PATH);
                    rest = place;
                }
            }
        }
        normal.push_str(rest);
        normal.replace(directory, "DIR")
    }

    /// How long `:LINE` is, if the operator named behind it is in that line of the scenario.
    fn end_of_place(&self, place: &str) -> Option<usize> {
        let end = 1 + place[1..].find(|c: char| !c.is_ascii_digit())?;
        let line: usize = place[1..end].parse().ok()?;
        let operator = place[end..].strip_prefix(", ")?;
        let operator = &operator[..operator.find([',', ':'])?];
        let function = format!("fn {}(", self.program.scenario);
        let first = 1 + SOURCE.lines().position(|line| line.starts_with(&function))?;
        let last = first + SOURCE.lines().skip(first).position(|line| line == "}")?;
        let text = SOURCE.lines().nth(line - 1)?;
        let named = text.contains(&format!(".{operator}("));
        (first < line && line <= last && named).then_some(end)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.done {
            for process in processes(&self.program.mark) {
                send_signal(process.pid, 9);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// How a run has ended; nothing of it was left.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub took: Duration,
}

impl Outcome {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The run has failed with exactly this error.
    #[track_caller]
    pub fn fails(&self, message: &str) -> &Self {
        assert_eq!(self.stderr, format!("Error: {message}\n"));
        assert_eq!((self.code, self.signal), (Some(1), None));
        self
    }

    /// The run has failed with exactly this error, after a command has said something.
    #[track_caller]
    pub fn fails_after(&self, said: &str, message: &str) -> &Self {
        assert_eq!(self.stderr, format!("{said}Error: {message}\n"));
        assert_eq!((self.code, self.signal), (Some(1), None));
        self
    }

    /// The run has succeeded with exactly this output, and has said nothing else.
    #[track_caller]
    pub fn prints(&self, text: &str) -> &Self {
        assert_eq!(self.stderr, "");
        assert_eq!(self.text(), text);
        assert_eq!((self.code, self.signal), (Some(0), None));
        self
    }
}

/// A process of a run.
#[derive(Debug)]
pub struct Process {
    pub pid: i32,
    pub arguments: Vec<String>,
}

fn processes(mark: &str) -> Vec<Process> {
    let variable = format!("{MARK}={mark}");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // What ends while we look is not there; a zombie has no environment.
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        if !environment.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes()) {
            continue;
        }
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let arguments = arguments.split(|&byte| byte == 0);
        let mut arguments: Vec<String> =
            arguments.map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        arguments.pop();
        found.push(Process { pid, arguments });
    }
    found
}

pub fn send_signal(pid: i32, signal: i32) {
    let status = Command::new("bash")
        .arg("-c")
        .arg(format!("kill -{signal} -- {pid} 2>/dev/null"))
        .status()
        .expect("bash");
    // Who has gone by itself needs no signal.
    let _ = status;
}

fn bytes_of(file: &File) -> Vec<u8> {
    let len = file.metadata().expect("our own file").len();
    let mut bytes = vec![0; usize::try_from(len).expect("it fits")];
    file.read_exact_at(&mut bytes, 0).expect("our own file");
    bytes
}

fn read_whole(file: &File) -> String {
    String::from_utf8_lossy(&bytes_of(file)).into_owned()
}

/// Whether tests may start programs as another user; says so where not.
pub fn can_be_nobody() -> bool {
    let status = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "true"])
        .stderr(Stdio::null())
        .status();
    let can = status.is_ok_and(|status| status.success());
    if !can {
        eprintln!("skipped: `setpriv --reuid 65534` does not work here");
    }
    can
}

/// The line of bash that starts the program as an ordinary user.
pub const AS_NOBODY: &str =
    r#"exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs "$@""#;

/// Text of so many short lines, `line 1` first.
pub fn lines(count: usize) -> String {
    (1..=count).map(|number| format!("line {number}\n")).collect()
}
