//! For libraries that want a writer which may move to another thread, or that panic where theirs fails.

use super::RenderError;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{SyncSender, sync_channel};

/// Pieces that wait to be handed on.
const WAITING: usize = 4;

/// How large a piece is.
const PIECE: usize = 256 << 10;

/// A writer whose bytes are handed on by the thread that owns the real one.
pub(super) type Apart = BufWriter<Pieces>;

/// Where pieces are left.
#[derive(Debug)]
pub(super) struct Pieces(SyncSender<Vec<u8>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Nobody takes pieces any more where handing one on failed, which is told there.
        let sent = self.0.send(bytes.to_vec());
        sent.map_err(|_closed| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets `write` write on a thread of its own, and hands its bytes on as they come; what is in memory at once is a few
/// pieces.
///
/// # Errors
/// Of `out` first, else of `write`, which may panic.
pub(super) fn apart(
    out: &mut dyn Write,
    write: impl FnOnce(Apart) -> Result<(), RenderError> + Send,
) -> Result<(), RenderError> {
    let (sender, pieces) = sync_channel(WAITING);
    let apart = BufWriter::with_capacity(PIECE, Pieces(sender));
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| write(apart));
        let handed = pieces
            .into_iter()
            .try_for_each(|piece| out.write_all(&piece));
        let gave_up =
            "the library gave up; is there room in the system's folder for temporary files?";
        let written = writing.join();
        let written = written.unwrap_or_else(|_panic| Err(RenderError::write(gave_up)));
        handed.map_err(RenderError::write).and(written)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_their_order_and_failures_are_told() {
        let mut out = Vec::new();
        let bytes: Vec<u8> = (0..3_000_000_u32)
            .map(|number| number.to_le_bytes()[0])
            .collect();
        let all = |mut to: Apart| {
            to.write_all(&bytes)
                .and_then(|()| to.flush())
                .map_err(RenderError::write)
        };
        apart(&mut out, all).unwrap();
        assert!(out == bytes);
        let mut small = [0; 10];
        let told = apart(&mut small.as_mut_slice(), all).unwrap_err();
        assert!(format!("{told:?}").contains("WriteZero"), "{told:?}");
        let odd = |_: Apart| -> Result<(), RenderError> { std::panic::resume_unwind(Box::new(())) };
        let told = apart(&mut Vec::new(), odd).unwrap_err();
        assert!(format!("{told:?}").contains("gave up"), "{told:?}");
    }
}
