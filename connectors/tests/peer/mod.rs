//! A peer behind HTTP that does what a test tells it: one connection after the other, one request each.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "each test file uses its own part of this, and a test that cannot go on says where"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What the peer does with a request that it has read.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers with a status, further header lines, and a body.
    Answer(u16, &'static str, String),
    /// Closes the connection without a word.
    Drop,
    /// Sends half of an answer.
    Half,
}

/// Serves for as long as the test lives; `act` may book the request before it says what to answer.
pub fn serve(act: impl FnMut(&Request) -> Act + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let act = Arc::new(Mutex::new(act));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let act = Arc::clone(&act);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some(request) = read(&mut reader) {
                    let act = (act.lock().unwrap())(&request);
                    if !answer(&stream, &request.method, act) {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length");
    let length = length.map_or(Some(0), |text| text.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        path,
        headers,
        body,
    })
}

fn answer(mut stream: &TcpStream, method: &str, act: Act) -> bool {
    let (text, goes_on) = match act {
        Act::Answer(status, headers, body) => (
            format!(
                "HTTP/1.1 {status} -\r\ncontent-length: {}\r\n{headers}\r\n{}",
                body.len(),
                if method == "HEAD" { "" } else { &body }
            ),
            true,
        ),
        Act::Half => (
            "HTTP/1.1 200 -\r\ncontent-length: 100\r\n\r\n{\"acknow".to_owned(),
            false,
        ),
        Act::Drop => (String::new(), false),
    };
    stream.write_all(text.as_bytes()).is_ok() && goes_on
}
