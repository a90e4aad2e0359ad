//! The program that `tests/faults` runs: the scenario named by the first argument, with the next
//! ones as its input, Lua and commands. A scenario's text stands in the test that expects what
//! becomes of it; each is a function of its own, so that errors can be traced to its lines.

use std::env::var;
use std::fs::File;
use std::io::{self, Write, stdout};
use std::time::Duration;

use gleamflow::{Flow, OnError, Result, Shell, Sort, Stderr};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if var("FAULT_WARNINGS").is_ok() {
        tracing::subscriber::set_global_default(Warnings).expect("there is no other");
    }
    match arguments[..] {
        [] | ["hello"] => hello(),
        ["source"] => source(),
        ["read", path] => read(path),
        ["read_all", ref paths @ ..] => read_all(paths),
        ["map", path, lua] => map(path, lua),
        ["table", path, made, lua] => table(path, made, lua),
        ["flat_map", path, lua] => flat_map(path, lua),
        ["for_each", path, lua] => for_each(path, lua),
        ["filter", path, lua] => filter(path, lua),
        ["count", path, lua] => count(path, lua),
        ["shared", path, code, lua] => shared(path, code, lua),
        ["reduce", path, lua, reducer] => reduce(path, lua, reducer),
        ["pipe", path, command] => pipe(path, command),
        ["pipes", path, first, second] => pipes(path, first, second),
        ["pipe_rows", path, command] => pipe_rows(path, command),
        ["pipe_as_args", path, command] => pipe_as_args(path, command),
        ["shell", operator, path, options, command] => shell(operator, path, options, command),
        ["map_pipe_columns", path, lua, options, command] => {
            map_pipe_columns(path, lua, options, command)
        }
        ["map_shell", path, lua, options] => map_shell(path, lua, options),
        ["map_pipe", path, lua, command] => map_pipe(path, lua, command),
        ["pipe_map", path, command, lua] => pipe_map(path, command, lua),
        ["map_pipe_map", path, lua, command, after] => map_pipe_map(path, lua, command, after),
        ["map_pipe_as_args", path, lua, command] => map_pipe_as_args(path, lua, command),
        ["map_limit", path, lua, rows] => map_limit(path, lua, rows),
        ["format", path, lua, text] => format(path, lua, text),
        ["plain_format", path, text] => plain_format(path, text),
        ["sort", path] => sort(path),
        ["sort_pipe", path, command] => sort_pipe(path, command),
        ["distinct", path] => distinct(path),
        ["fork", path, to] => fork(path, to),
        ["map_closure", path, lua] => map_closure(path, lua),
        ["dead_letters", path, lua, letters] => dead_letters(path, lua, letters),
        ["save", path, to] => save(path, to),
        ["save_mapped", path, lua, to] => save_mapped(path, lua, to),
        ["write_file", path, to] => write_file(path, to),
        ["full_writer", path, bytes] => full_writer(path, bytes),
        ["closed_writer", path] => closed_writer(path),
        ["kind", path, lua] => kind(path, lua),
        ["twice", path, lua] => twice(path, lua),
        ["main_thread_signals", path, to] => main_thread_signals(path, to),
        ["signals_after_pipe", path, command] => signals_after_pipe(path, command),
        ["failures", path, count] => failures(path, count),
        ["fork_between", path] => fork_between(path),
        ["fork_and_sleep", path] => fork_and_sleep(path),
        ["panicking_reader"] => panicking_reader(),
        ["ended", how, path, lua, command, to] => ended(how, path, lua, command, to),
        _ => panic!("no scenario for {arguments:?}"),
    }
}

/// A flow with the knobs that have no environment variable.
fn flow() -> Flow {
    let number = |name: &str| var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let size = |name: &str| number(name).map(|number| number as usize);
    let mut flow =
        Flow::new().test_sizes(number("FAULT_SPLIT"), size("FAULT_BLOCK"), size("FAULT_EXCHANGE"));
    if let Some(limit) = number("FAULT_STEP_TIMEOUT_MS") {
        flow = flow.step_timeout(Duration::from_millis(limit));
    }
    if let Some(bytes) = size("FAULT_MAX_ROW") {
        flow = flow.max_row(bytes);
    }
    if var("FAULT_THREADS").is_ok() {
        flow = flow.workers_in_process();
    }
    flow
}

/// Writes the warnings of the run to stdout.
struct Warnings;

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 = format!("{value:?}");
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        println!("warning: {}", message.0);
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
        tracing::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
    fn enter(&self, _: &tracing::Id) {}
    fn exit(&self, _: &tracing::Id) {}
}

fn hello() -> Result<()> {
    println!("my own main, started as {}", std::env::args().next().unwrap_or_default());
    Ok(())
}

/// What this program was made from, so that tests see when it is older than they are.
fn source() -> Result<()> {
    print!("{}", include_str!("fault_program.rs"));
    Ok(())
}

fn read(path: &str) -> Result<()> {
    flow().text_file(path).save_lines_to(stdout())
}

fn read_all(paths: &[&str]) -> Result<()> {
    flow().text_file(paths).save_lines_to(stdout())
}

fn map(path: &str, lua: &str) -> Result<()> {
    flow().text_file(path).map(lua).save_text_to(stdout(), "%s")
}

fn flat_map(path: &str, lua: &str) -> Result<()> {
    flow().text_file(path).flat_map(lua).save_text_to(stdout(), "%s")
}

fn for_each(path: &str, lua: &str) -> Result<()> {
    flow().text_file(path).for_each(lua).save_text_to(stdout(), "%s")
}

fn filter(path: &str, lua: &str) -> Result<()> {
    flow().text_file(path).filter(lua).save_text_to(stdout(), "%s")
}

fn count(path: &str, lua: &str) -> Result<()> {
    let words = flow().text_file(path).flat_map(lua);
    let ones = words.map("function(word) return word, 1 end");
    ones.reduce("function(x, y) return x + y end").save_text_to(stdout(), "%s=%s")
}

fn shared(path: &str, code: &str, lua: &str) -> Result<()> {
    flow().lua(code).text_file(path).map(lua).save_text_to(stdout(), "%s")
}

fn reduce(path: &str, lua: &str, reducer: &str) -> Result<()> {
    flow().text_file(path).map(lua).reduce(reducer).save_text_to(stdout(), "%s=%s")
}

fn pipe(path: &str, command: &str) -> Result<()> {
    flow().text_file(path).pipe(command).save_text_to(stdout(), "%s")
}

fn pipes(path: &str, first: &str, second: &str) -> Result<()> {
    let lines = flow().text_file(path);
    lines.pipe(first).pipe(second).save_text_to(stdout(), "%s")
}

fn pipe_rows(path: &str, command: &str) -> Result<()> {
    flow().text_file(path).pipe_rows(command).save_text_to(stdout(), "%s")
}

fn pipe_as_args(path: &str, command: &str) -> Result<()> {
    flow().text_file(path).pipe_as_args(command).save_text_to(stdout(), "%s")
}

/// A command with options, such as `accept=0,1 timeout_ms=50 retries=2 dir=/tmp quiet merge argv`.
fn command_with(options: &str, command: &str) -> Shell {
    let mut shell = match options.contains("argv") {
        true => Shell::argv(command.split(' ')),
        false => Shell::new(command),
    };
    for option in options.split_ascii_whitespace() {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let number = || value.parse().expect(option);
        shell = match name {
            "accept" => shell.accept(value.split(',').map(|code| code.parse().expect(option))),
            "timeout_ms" => shell.timeout(Duration::from_millis(number())),
            "retries" => shell.retries(number() as u32),
            "dir" => shell.dir(value),
            "quiet" => shell.stderr(Stderr::Quiet),
            "merge" => shell.stderr(Stderr::Merge),
            "jobs" => shell.jobs(number() as usize),
            "batch" => shell.batch(number() as u32),
            "argv" => shell,
            _ => panic!("no option {option:?}"),
        };
    }
    shell
}

fn map_pipe_columns(path: &str, lua: &str, options: &str, command: &str) -> Result<()> {
    let rows = flow().text_file(path).map(lua);
    rows.pipe_columns(2, command_with(options, command)).save_lines_to(stdout())
}

fn map_shell(path: &str, lua: &str, options: &str) -> Result<()> {
    flow().text_file(path).map(lua).pipe(command_with(options, "cat")).save_lines_to(stdout())
}

fn shell(operator: &str, path: &str, options: &str, command: &str) -> Result<()> {
    let shell = command_with(options, command);
    let lines = flow().text_file(path);
    match operator {
        "pipe" => lines.pipe(shell).save_lines_to(stdout()),
        "pipe_as_args" => lines.pipe_as_args(shell).save_lines_to(stdout()),
        "pipe_rows" => lines.pipe_rows(shell).save_lines_to(stdout()),
        _ => panic!("no operator {operator:?}"),
    }
}

fn map_pipe(path: &str, lua: &str, command: &str) -> Result<()> {
    flow().text_file(path).map(lua).pipe(command).save_text_to(stdout(), "%s")
}

fn pipe_map(path: &str, command: &str, lua: &str) -> Result<()> {
    flow().text_file(path).pipe(command).map(lua).save_text_to(stdout(), "%s")
}

fn map_pipe_map(path: &str, lua: &str, command: &str, after: &str) -> Result<()> {
    flow().text_file(path).map(lua).pipe(command).for_each(after).save_text_to(stdout(), "%s")
}

fn map_pipe_as_args(path: &str, lua: &str, command: &str) -> Result<()> {
    flow().text_file(path).map(lua).pipe_as_args(command).save_text_to(stdout(), "%s")
}

fn map_limit(path: &str, lua: &str, rows: &str) -> Result<()> {
    flow()
        .text_file(path)
        .map(lua)
        .limit(rows.parse().expect("a number of rows"))
        .save_text_to(stdout(), "%s")
}

fn format(path: &str, lua: &str, text: &str) -> Result<()> {
    flow().text_file(path).map(lua).save_text_to(stdout(), text)
}

fn plain_format(path: &str, text: &str) -> Result<()> {
    flow().text_file(path).save_text_to(stdout(), text)
}

fn sort(path: &str) -> Result<()> {
    flow().text_file(path).sort(Sort::by(1)).save_text_to(stdout(), "%s")
}

fn sort_pipe(path: &str, command: &str) -> Result<()> {
    let lines = flow().text_file(path).map("function(x) return x end").sort(Sort::by(1));
    lines.pipe(command).save_text_to(stdout(), "%s")
}

fn distinct(path: &str) -> Result<()> {
    flow().text_file(path).distinct().save_text_to(stdout(), "%s")
}

/// One sink gets its rows, the other waits for the end of a command.
fn fork(path: &str, to: &str) -> Result<()> {
    let flow = flow();
    let lines = flow.text_file(path);
    let _ = lines.to_lines_file(to);
    let _ = lines.pipe("sleep 1; sort; sleep 1").to_lines(stdout());
    flow.run()?;
    Ok(())
}

fn save(path: &str, to: &str) -> Result<()> {
    flow().text_file(path).save_text(to, "%s")
}

/// Says at the end whether the run was reported as complete.
fn map_closure(path: &str, lua: &str) -> Result<()> {
    let flow = Flow::new();
    let rows = flow.text_file(path).map(lua).map_rows(|line: String| line.to_uppercase());
    let result = rows.filter("function(line) return line:find('7', 1, true) end").count();
    let report = flow.report().expect("there was a run");
    println!("{}, {} stages", report.completed, report.stages.len());
    result.map(drop)
}

fn dead_letters(path: &str, lua: &str, letters: &str) -> Result<()> {
    let rows = Flow::new().text_file(path).map(lua).on_error(OnError::dead_letter(letters));
    rows.save_lines_to(stdout())
}

fn save_mapped(path: &str, lua: &str, to: &str) -> Result<()> {
    flow().text_file(path).map(lua).save_text(to, "%s")
}

fn table(path: &str, made: &str, lua: &str) -> Result<()> {
    let flow = flow();
    let table = flow.text_file(path).map(made);
    flow.text_file(path).with_table("of", &table).map(lua).save_text_to(stdout(), "%s")
}

fn write_file(path: &str, to: &str) -> Result<()> {
    let file = File::create(to).expect("the file can be made");
    flow().text_file(path).save_text_to(file, "%s")
}

/// A disk with room for so many bytes.
struct SmallDisk(usize);

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.min(bytes.len()) {
            0 if !bytes.is_empty() => Err(io::ErrorKind::StorageFull.into()),
            fits => {
                self.0 -= fits;
                Ok(fits)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn full_writer(path: &str, bytes: &str) -> Result<()> {
    let disk = SmallDisk(bytes.parse().expect("a number of bytes"));
    flow().text_file(path).save_text_to(disk, "%s")
}

fn closed_writer(path: &str) -> Result<()> {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let result = flow().text_file(path).save_text_to(writer, "%s");
    if let Err(error) = &result {
        println!("{:?}", error.kind());
    }
    result
}

/// The kind of what a step fails with.
fn kind(path: &str, lua: &str) -> Result<()> {
    let result = flow().text_file(path).map(lua).count();
    println!("{:?}", result.as_ref().map_err(gleamflow::Error::kind));
    result.map(drop)
}

/// A run that fails, then one with what the first has left of workers.
fn twice(path: &str, lua: &str) -> Result<()> {
    let failed = flow().text_file(path).map(lua).count();
    eprintln!("first: {:?}", failed.expect_err("the step fails").kind());
    println!("{}", flow().text_file(path).map("function(x) return x end").count()?);
    Ok(())
}

/// Whether a run on a small disk leaves the caller's signals as they were.
fn main_thread_signals(path: &str, to: &str) -> Result<()> {
    let before = signals();
    let result = flow().text_file(path).save_text(to, "%s");
    println!("{}", if before == signals() { "the same" } else { "changed" });
    result
}

fn signals_after_pipe(path: &str, command: &str) -> Result<()> {
    let before = signals();
    let result = flow().text_file(path).pipe(command).save_lines_to(stdout());
    println!("{}", if before == signals() { "the same" } else { "changed" });
    result
}

/// What this thread blocks, and this program ignores and catches.
fn signals() -> Vec<u64> {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let masks = status.lines().filter_map(|line| line.strip_prefix("Sig")?.split_once(":\t"));
    let masks = masks.filter(|(name, _)| *name != "Q");
    // Above the signals that programs use are those of the C library's own.
    masks.map(|(_, bits)| u64::from_str_radix(bits, 16).expect("hex") & 0x7fff_ffff).collect()
}

/// Runs that fail one after the other, and then what has become of their workers.
fn failures(path: &str, count: &str) -> Result<()> {
    for _ in 0..count.parse().expect("a number") {
        let error = flow().text_file(path).sort(Sort::by(1)).count().expect_err("it fails");
        eprintln!("{error}");
    }
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while children() > 0 && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("{} children", children());
    Ok(())
}

fn children() -> usize {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter(|stat| {
            let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
            fields.split_ascii_whitespace().nth(1) == Some(&own)
        })
        .count()
}

/// Forks without `exec`; the child's number, 0 in the child itself.
#[allow(unsafe_code)]
fn forked() -> i32 {
    // SAFETY: the child calls what a program with threads may call after a fork on this system:
    // the C library makes its own locks usable again.
    unsafe { libc::fork() }
}

/// The same flow before a fork, in the child, and after the child's end.
fn fork_between(path: &str) -> Result<()> {
    let count = || {
        let words = flow().text_file(path).map("function(x) return x, 1 end").pipe("cat");
        words.reduce("function(a, b) return a end").count()
    };
    println!("before: {}", count()?);
    let child = forked();
    if child == 0 {
        println!("child: {}", count()?);
        return Ok(());
    }
    let entry = format!("/proc/{child}/stat");
    while std::fs::read_to_string(&entry).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("after: {}", count()?);
    Ok(())
}

/// A forked child that lives on, with copies of all that its parent has open.
fn fork_and_sleep(path: &str) -> Result<()> {
    println!("{}", flow().text_file(path).map("function(x) return x end").count()?);
    if forked() == 0 {
        std::fs::write(format!("{path}.child"), std::process::id().to_string()).expect("a file");
    }
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn panicking_reader() -> Result<()> {
    struct Panics;

    impl io::Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("by the reader's own will");
        }
    }

    flow().reader(Panics).save_lines_to(stdout())
}

/// A run that is ended from outside half a second after its step has made `TO.go`. The program
/// then lives on until there is `TO.exit`, for those who look at what is left, and runs it again.
fn ended(how: &str, path: &str, lua: &str, command: &str, to: &str) -> Result<()> {
    let half_a_second = Duration::from_millis(500);
    let go = format!("{to}.go");
    let begun = move || {
        until_there(&go);
        std::thread::sleep(half_a_second);
    };
    let flow = flow();
    let flow = if how == "deadline" { flow.deadline(4 * half_a_second) } else { flow };
    let rows = || flow.text_file(path).map(lua).pipe(command);
    let cancelled = |run: &dyn Fn() -> Result<()>| {
        let handle = flow.cancel_handle();
        let begun = begun.clone();
        std::thread::spawn(move || {
            begun();
            handle.cancel();
        });
        run()
    };
    let result = match how {
        "deadline" => rows().save_lines(to),
        "cancel" => cancelled(&|| rows().save_lines(to)),
        "cancel_run" => cancelled(&|| {
            rows().to_lines_file(to);
            rows().to_lines_file(format!("{to}.second"));
            flow.run().map(drop)
        }),
        "cancel_async" => cancelled(&|| block_on(rows().save_lines_async(to))),
        "drop_future" => {
            let mut future = Box::pin(rows().save_lines_async(to));
            let _ = poll_once(future.as_mut());
            begun();
            drop(future);
            Ok(())
        }
        "drop_stream" => {
            let mut stream = rows().stream::<String>()?;
            let _ = poll_once(std::pin::pin!(stream.next_row()));
            begun();
            drop(stream);
            Ok(())
        }
        _ => panic!("no way to end a run: {how}"),
    };
    match &result {
        Ok(()) => eprintln!("dropped"),
        Err(error) => eprintln!("{:?}: {error}", error.kind()),
    }
    if let Some(report) = flow.report() {
        eprintln!("completed: {}", report.completed);
    }
    std::fs::write(format!("{to}.returned"), "").expect("a file");
    until_there(&format!("{to}.exit"));
    let _handle = flow.cancel_handle();
    println!("again: {}", flow.text_file(path).map("function(x) return x end").count()?);
    Ok(())
}

fn until_there(path: &str) {
    while !std::path::Path::new(path).exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Unparks the thread that waits.
struct Unpark(std::thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.unpark();
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    future.poll(&mut std::task::Context::from_waker(&waker))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        match poll_once(future.as_mut()) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
