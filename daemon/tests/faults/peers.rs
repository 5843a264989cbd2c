//! Servers of a test's own, to be killed and started again, and a wire that loses answers.

use super::common::{eventually, folder, free_port, peer};
use super::stream::Partitions;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// A PostgreSQL with a cluster of its own.
pub struct Postgres {
    dir: PathBuf,
    port: u16,
}

impl Postgres {
    pub fn start(name: &str) -> Self {
        let dir = folder(name);
        let data = dir.join("data");
        std::fs::create_dir(&data).unwrap();
        if is_root() {
            run(Command::new("chown").arg("-R").arg("postgres").arg(&dir));
        }
        let server = Self {
            dir,
            port: free_port(),
        };
        let initdb = [
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "UTF8",
            "--no-locale",
        ];
        run(server
            .command("initdb")
            .arg("-D")
            .arg(&data)
            .args(initdb)
            .stdout(Stdio::null()));
        server.up();
        server
    }

    fn command(&self, program: &str) -> Command {
        let program = Path::new(&peer("TIEOUT_TEST_POSTGRES_BIN")).join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.dir);
        command
    }

    /// Starts it and waits until it answers, after recovery if it was killed.
    pub fn up(&self) {
        let options = format!("-p {} -h 127.0.0.1 -k {}", self.port, self.dir.display());
        let mut command = self.command("pg_ctl");
        command
            .arg("-D")
            .arg(self.dir.join("data"))
            .args(["-w", "-l"])
            .arg(self.dir.join("log"));
        run(command
            .args(["-o", &options, "start"])
            .stdout(Stdio::null()));
    }

    /// Immediate shutdown: no checkpoint, no goodbye; what was not flushed is gone.
    pub fn kill(&self) {
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.dir.join("data"));
        run(command
            .args(["-m", "immediate", "stop"])
            .stdout(Stdio::null()));
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        command
            .arg("-D")
            .arg(self.dir.join("data"))
            .args(["-m", "immediate", "stop"]);
        let _gone = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

pub fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.starts_with(b"0\n")
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}");
}

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// A broker that keeps its log in an S3, which outlives it.
pub struct Broker {
    port: u16,
    s3_port: u16,
    _s3: Ends,
    process: Option<Ends>,
}

impl Broker {
    pub fn start() -> Self {
        let (port, s3_port) = (free_port(), free_port());
        let s3 = Command::new("python3")
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &s3_port.to_string(),
            ])
            .env("PYTHONPATH", peer("TIEOUT_TEST_S3"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut broker = Self {
            port,
            s3_port,
            _s3: Ends(s3),
            process: None,
        };
        broker.bucket();
        broker.up();
        broker
    }

    fn bucket(&self) {
        let url = format!("http://127.0.0.1:{}/log", self.s3_port);
        eventually(Duration::from_secs(30), || {
            super::block_on(async {
                let sent = reqwest::Client::new().put(&url).send().await;
                let sent = sent.map_err(|error| error.to_string())?;
                if sent.status().is_success() {
                    Ok(())
                } else {
                    Err(sent.status().to_string())
                }
            })
        });
    }

    pub fn up(&mut self) {
        let url = format!("tcp://127.0.0.1:{}", self.port);
        let broker = Command::new(peer("TIEOUT_TEST_TANSU"))
            .args([
                "broker",
                "--listener-url",
                &url,
                "--advertised-listener-url",
                &url,
            ])
            .args(["--storage-engine", "s3://log/"])
            .env("AWS_ACCESS_KEY_ID", "tests")
            .env("AWS_SECRET_ACCESS_KEY", "tests")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.s3_port))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_CONDITIONAL_PUT", "etag")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(Ends(broker));
        eventually(Duration::from_secs(30), || {
            TcpStream::connect(("127.0.0.1", self.port))
                .map(drop)
                .map_err(|error| error.to_string())
        });
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Makes a topic.
pub fn create_topic(brokers: &str, topic: &str, partitions: usize) {
    super::block_on(async {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .create()
            .unwrap();
        let new = NewTopic::new(
            topic,
            i32::try_from(partitions).unwrap(),
            TopicReplication::Fixed(1),
        );
        let made = admin
            .create_topics(&[new], &AdminOptions::new())
            .await
            .unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
    });
}

/// Sends a part of every partition; in order, each message once.
pub fn produce(brokers: &str, topic: &str, partitions: &Partitions, part: usize, parts: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "false")
        .set("max.in.flight.requests.per.connection", "1")
        .create()
        .unwrap();
    for (number, lines) in partitions.iter().enumerate() {
        for line in part_of(lines, part, parts) {
            let record = || {
                BaseRecord::<(), str>::to(topic)
                    .partition(i32::try_from(number).unwrap())
                    .payload(line)
            };
            while producer.send(record()).is_err() {
                producer.poll(Duration::from_millis(20));
            }
        }
    }
    producer.flush(Duration::from_mins(1)).unwrap();
}

fn part_of(lines: &[String], part: usize, parts: usize) -> &[String] {
    &lines[lines.len() * part / parts..lines.len() * (part + 1) / parts]
}

/// What the wire does with one commit's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loses {
    /// The commit arrives and happens; the answer does not.
    TheAnswer,
    /// The commit does not arrive.
    TheCommit,
}

/// A wire to PostgreSQL that loses one commit's answer and the connection with it, then refuses new
/// connections for a while.
pub struct Wire {
    pub port: u16,
    lost: Arc<AtomicBool>,
}

impl Wire {
    /// Loses the `number`-th commit of all that pass, then is away for `away`.
    pub fn to(server: &str, loses: Loses, number: u32, away: Duration) -> Self {
        let address = server
            .split('@')
            .nth(1)
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (commits, lost) = (
            Arc::new(AtomicU32::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let is_lost = Arc::clone(&lost);
        std::thread::spawn(move || {
            let mut was_away = false;
            for client in listener.incoming() {
                if is_lost.load(Ordering::SeqCst) && !was_away {
                    // Whoever asks now is turned away; the sleep keeps all others waiting.
                    was_away = true;
                    drop(client);
                    std::thread::sleep(away);
                    continue;
                }
                let Ok(client) = client else { continue };
                let Ok(server) = TcpStream::connect(&address) else {
                    continue;
                };
                pass(client, server, loses, number, &commits, &is_lost);
            }
        });
        Self { port, lost }
    }

    pub fn has_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }
}

/// A simple query's message: its type, its length, its text, a zero.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

fn pass(
    client: TcpStream,
    server: TcpStream,
    loses: Loses,
    number: u32,
    commits: &Arc<AtomicU32>,
    lost: &Arc<AtomicBool>,
) {
    let (mut from_server, mut to_client) =
        (server.try_clone().unwrap(), client.try_clone().unwrap());
    let (mut from_client, mut to_server) = (client, server);
    let (commits, lost) = (Arc::clone(commits), Arc::clone(lost));
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = Arc::clone(&silent);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from_server.read(&mut buffer) {
            if is_silent.load(Ordering::SeqCst) {
                // The server answered, so it happened; the client never hears of it.
                let _closed = to_client.shutdown(Shutdown::Both);
                let _closed = from_server.shutdown(Shutdown::Both);
                return;
            }
            if to_client.write_all(&buffer[..count]).is_err() {
                return;
            }
        }
        let _closed = to_client.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from_client.read(&mut buffer) {
            let bytes = &buffer[..count];
            let commit = bytes.ends_with(COMMIT);
            if commit && commits.fetch_add(1, Ordering::SeqCst) + 1 == number {
                lost.store(true, Ordering::SeqCst);
                if loses == Loses::TheCommit {
                    let _closed = to_server.shutdown(Shutdown::Both);
                    let _closed = from_client.shutdown(Shutdown::Both);
                    return;
                }
                silent.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(bytes).is_err() {
                return;
            }
        }
        let _closed = to_server.shutdown(Shutdown::Both);
    });
}
