//! What is wrong with a pack, where, and what to do about it: as a compiler says it.

use std::fmt;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, relative to the pack.
    pub file: String,
    /// From 1; 0 where the whole file is meant.
    pub line: u64,
    /// From 1; 0 where the whole line is meant.
    pub column: u64,
    /// What is wrong and what to do.
    pub message: String,
    /// The line as it stands in the file.
    pub source_line: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  --> {}", self.message, self.file)?;
        if self.line == 0 {
            return Ok(());
        }
        write!(f, ":{}", self.line)?;
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        let gutter = self.line.to_string();
        let blank = " ".repeat(gutter.len());
        write!(f, "\n {blank} |\n {gutter} | {}", self.source_line)?;
        if self.column > 0 {
            let indent = usize::try_from(self.column - 1).unwrap_or(0);
            write!(f, "\n {blank} | {}^", " ".repeat(indent))?;
        }
        Ok(())
    }
}

/// All findings of one compilation, in the order of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a finding at a place in a file whose text is given.
    pub(crate) fn at(&mut self, file: &SourceFile<'_>, place: (u64, u64), message: String) {
        let (line, column) = place;
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
        let source_line = file.text.lines().nth(index).unwrap_or_default().to_owned();
        let found = Diagnostic {
            file: file.path.to_owned(),
            line,
            column,
            message,
            source_line,
        };
        // What the pack says for all rules is told once.
        if !self.0.contains(&found) {
            self.0.push(found);
        }
    }

    /// Adds a finding about a whole file.
    pub(crate) fn about(&mut self, path: &str, message: String) {
        self.0.push(Diagnostic {
            file: path.to_owned(),
            line: 0,
            column: 0,
            message,
            source_line: String::new(),
        });
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "error: {diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// A file whose text findings quote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceFile<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}
