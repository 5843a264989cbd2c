//! A program that prints a secret: run without a shell, for seconds at most, and heard no further than a secret is long. What
//! it says on its standard error is shown to nobody, for the secret may stand there too.

use super::SecretError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a program may take.
pub(super) const LONGEST: Duration = Duration::from_secs(10);

/// The most that a program may print.
const MOST: usize = 64 << 10;

/// How often a program is looked after that has printed all that it will and goes on.
const LOOK: Duration = Duration::from_millis(5);

/// What the program prints.
pub(super) fn printed(
    program: &Path,
    arguments: &[String],
    longest: Duration,
) -> Result<String, SecretError> {
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // It is ended together with what it began itself.
        .process_group(0)
        .spawn();
    let mut child = spawned.map_err(|source| SecretError::NoProgram {
        program: program.to_owned(),
        source,
    })?;
    heard(&mut child, longest).map_err(|how| {
        end(&mut child);
        SecretError::NotPrinted {
            program: program.to_owned(),
            how,
        }
    })
}

/// What the program printed when it ended well, or what it did instead.
fn heard(child: &mut Child, longest: Duration) -> Result<String, String> {
    let late = || format!("it was stopped after {} seconds", longest.as_secs());
    let since = Instant::now();
    let bytes = match child.stdout.take().map(listen) {
        Some(heard) => heard.recv_timeout(longest).map_err(|_late| late())?,
        None => Vec::new(),
    };
    if bytes.len() > MOST {
        return Err(format!("it printed more than {MOST} bytes"));
    }
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if since.elapsed() < longest => std::thread::sleep(LOOK),
            None => return Err(late()),
        }
    };
    if !status.success() {
        return Err(ended(status));
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.trim_end_matches(['\r', '\n']).is_empty() => {
            Err("it printed nothing".to_owned())
        }
        Ok(text) => Ok(text),
        Err(_secret) => Err("what it printed is no UTF-8".to_owned()),
    }
}

/// Reads beside the one who waits: a read has no end of its own.
fn listen(stdout: ChildStdout) -> mpsc::Receiver<Vec<u8>> {
    let (tell, heard) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let limit = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        // What broke off is shorter, and the program says by its status whether it was all.
        let _broken = stdout.take(limit).read_to_end(&mut bytes);
        // Nobody listens any more where it came too late.
        let _late = tell.send(bytes);
    });
    heard
}

fn ended(status: ExitStatus) -> String {
    // Its own words: `exit status: 1`, `signal: 15 (SIGTERM)`.
    format!("it ended with {status}")
}

/// Ends a program that did not do what it was asked for.
fn end(child: &mut Child) {
    // The number of one that has ended may be another's already.
    if matches!(child.try_wait(), Ok(None)) {
        let _ended = kill_process_group(Pid::from_child(child), Signal::KILL);
        let _reaped = child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_prints_no_secret_is_told_of_without_its_words() {
        let table = [
            ("echo hunter2; echo hunter2 >&2; exit 3", "exit status: 3"),
            ("echo hunter2; kill -9 $$", "signal: 9"),
            ("echo hunter2; exec sleep 60", "stopped after"),
            ("echo hunter2; exec >&- sleep 60", "stopped after"),
            ("(sleep 60; echo hunter2) & wait", "stopped after"),
            ("yes hunter2", "more than 65536 bytes"),
            ("printf 'hunter2\\377'", "no UTF-8"),
            ("echo", "printed nothing"),
            ("test ! -t 0 && cat", "printed nothing"),
        ];
        for (script, why) in table {
            let arguments = ["-c".to_owned(), script.to_owned()];
            // A busy machine may take long to begin a program.
            let is_late = why == "stopped after";
            let longest = if is_late { LOOK * 60 } else { LONGEST };
            let since = Instant::now();
            let refused = printed(Path::new("sh"), &arguments, longest).unwrap_err();
            assert!(since.elapsed() < Duration::from_secs(20), "{script}");
            let said = format!("{refused} {refused:?}");
            assert!(said.contains(why), "{script}: {said}");
            assert!(!said.contains("hunter2"), "{script}: {said}");
        }
        let absent = printed(Path::new("/no/such/program"), &[], LONGEST).unwrap_err();
        assert!(absent.to_string().contains("/no/such/program"), "{absent}");
    }
}
