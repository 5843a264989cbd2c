//! A ZIP whose members are written one after the other; the same members give the same bytes.

use super::RenderError;
use std::io::{BufWriter, Cursor, Write};

/// The ZIP, in memory until it is complete.
pub(super) struct Packed(zip::ZipWriter<Cursor<Vec<u8>>>);

impl Packed {
    pub(super) fn new() -> Self {
        Self(zip::ZipWriter::new(Cursor::new(Vec::new())))
    }

    /// Writes a member.
    pub(super) fn member(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<(), RenderError>,
    ) -> Result<(), RenderError> {
        // The earliest date that ZIP knows, so that equal members give equal bytes.
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        let started = self.0.start_file(name, options);
        started.map_err(RenderError::write)?;
        let mut member = BufWriter::with_capacity(64 << 10, &mut self.0);
        write(&mut member)?;
        member.flush().map_err(RenderError::write)
    }

    /// Hands the whole over.
    pub(super) fn finish(self, out: &mut dyn Write) -> Result<(), RenderError> {
        let packed = self.0.finish().map_err(RenderError::write)?.into_inner();
        out.write_all(&packed).map_err(RenderError::write)
    }
}
