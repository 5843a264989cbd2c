//! A table of journal lines for every system that has no kind of its own, described in the options: which columns
//! stand in which order, and how numbers, days, texts and lines are written.
//!
//! **Rows.** One line of an entry is one row, and one row is one physical line: line breaks, tabs and other control
//! characters in texts become spaces. `before` and `after` are whole lines, `totals` one for each entity and
//! currency between the rows and `after`; `{batch}`, `{number}`, `{target}`, `{created_on}`, `{entries}` and
//! `{lines}` stand in them for what they are called, in `totals` also `{entity}`, `{company}`, `{currency}`,
//! `{debit}` and `{credit}`.
//! **Columns.** Each has its name in the header and one of `field`, `dimension` (what is missing is `blank`) and
//! `text` (the same in every row). `max` cuts what people read (reference, description, account name). What the
//! target finds something by, a day or a number is never cut but refused: a part of it would be another.
//! **Amounts** are in major units, without a sign for thousands. `debit` and `credit` leave the other side blank (or
//! zero); `amount` is signed, a credit negative unless said otherwise; `unsigned` goes with `side`. Places are the
//! currency's or as many as the options say; an amount that needs more is refused, never rounded. The rate is
//! functional units for one transaction unit.
//! **Charsets.** UTF-8 without or with a byte order mark, Windows-1252, ISO 8859-1. Of what a charset lacks, letters
//! lose their marks, typographic signs become the typewriter's, and the rest becomes `?`.
//! **Formulas.** A text that begins like one gets an apostrophe, unless `formulas: keep` says that the reader computes
//! nothing.

mod cells;
mod charset;
mod lines;
pub mod options;

use super::mapped::Placed;
use super::{ExportBatch, FileFormat, FileKind, RenderError, written};
use cells::Cell;
use ledger::{Money, Side};
use options::{Column, Config, Content, Field};
use std::borrow::Cow;
use std::io::{BufWriter, Write};

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<Described>("template", "A table as the options describe it", EXAMPLE);

const EXAMPLE: &str = "\
ending: csv
charset: windows-1252
separator: \";\"
quotes: needed
dates: DD.MM.YYYY
numbers: { decimal: \",\", places: 2 }
sides: { debit: S, credit: H }
companies: { us: \"101\", eu: \"201\" }
accounts: { tax-payable: \"1776\" }
blank: \"\"
columns:
  - { header: Voucher, field: document, max: 20 }
  - { header: Date, field: date }
  - { header: Company, field: company }
  - { header: Account, field: account_code }
  - { header: Amount, field: unsigned }
  - { header: D/C, field: side }
  - { header: Currency, field: currency }
  - { header: Product, dimension: product }
  - { header: Text, field: description, max: 60 }
  - { header: Source, text: Tieout }
totals: \"T;{company};{currency};{lines};{debit};{credit}\"
";

/// The format.
#[derive(Clone, Debug)]
pub struct Described {
    config: Config,
}

impl FileFormat for Described {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name(&self.config.ending)
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let config = &self.config;
        let mut out = BufWriter::with_capacity(64 << 10, out);
        out.write_all(config.charset.mark())
            .map_err(RenderError::write)?;
        for line in &config.before {
            self.put(&mut out, &config.whole(line, batch))?;
        }
        if config.header {
            let names = config.columns.iter().map(|column| &column.header);
            let cells = names.map(|name| self.own(name));
            self.put(&mut out, &config.row(cells))?;
        }
        let mut row = String::new();
        for item in &batch.entries {
            for at in Placed::unrated(batch, item) {
                row.clear();
                for (column, place) in config.columns.iter().zip(0..) {
                    config.cell(&mut row, place, &self.cell(&at, column)?);
                }
                self.put(&mut out, &row)?;
            }
        }
        if let Some(line) = &config.totals {
            for (of, total) in batch.totals() {
                self.put(&mut out, &config.total(line, batch, &of, &total)?)?;
            }
        }
        for line in &config.after {
            self.put(&mut out, &config.whole(line, batch))?;
        }
        out.flush().map_err(RenderError::write)
    }
}

impl Described {
    /// One physical line.
    fn put(&self, out: &mut impl Write, line: &str) -> Result<(), RenderError> {
        let bytes = self.config.charset.bytes(line);
        out.write_all(&bytes)
            .and_then(|()| out.write_all(self.config.line_end.bytes()))
            .map_err(RenderError::write)
    }

    /// What a column says of a line.
    fn cell<'c>(&'c self, at: &Placed<'c>, column: &'c Column) -> Result<Cell<'c>, RenderError> {
        let config = &self.config;
        let cell = match &column.content {
            Content::Text(text) => self.own(text),
            Content::Dimension(name) => {
                let value = at.line.dimensions.get(name);
                value.map_or_else(|| self.own(&config.blank), |value| self.text(value))
            }
            Content::Field(field) => self.field(at, column, *field)?,
        };
        let Some(most) = column.max else {
            return Ok(cell);
        };
        // What is short in bytes is short in characters.
        if cell.as_str().len() <= most {
            return Ok(cell);
        }
        let long = cell.as_str().chars().count();
        if long <= most {
            return Ok(cell);
        }
        if column.content.is_for_people() {
            return Ok(cell.cut(most));
        }
        let (name, text) = (&column.header, cell.as_str());
        Err(at.unfit(format!(
            "`{text}` in column `{name}` has {long} characters, and {most} are held"
        )))
    }

    /// A text of the options.
    fn own<'c>(&self, text: &'c str) -> Cell<'c> {
        Cell::Text(self.config.charset.text(text))
    }

    /// A text that may have come from outside.
    fn text<'c>(&self, text: &'c str) -> Cell<'c> {
        let charset = self.config.charset;
        Cell::Text(match self.config.formulas.text(text) {
            Cow::Borrowed(text) => charset.text(text),
            Cow::Owned(text) => Cow::Owned(charset.text(&text).into_owned()),
        })
    }

    fn field<'c>(
        &'c self,
        at: &Placed<'c>,
        column: &Column,
        field: Field,
    ) -> Result<Cell<'c>, RenderError> {
        let (config, header, line) = (&self.config, at.header(), at.line);
        let count = |number| Cell::made(written::count_of(number));
        let day = |day| Cell::made(config.dates.text(day));
        Ok(match field {
            Field::Batch => self.text(&at.batch.id),
            Field::BatchNumber => count(at.batch.number),
            Field::Entry => count(at.item.id),
            Field::Document => self.text(&at.item.document),
            Field::Line => Cell::made(written::count_of(at.number)),
            Field::Entity => self.text(&header.entity),
            Field::Company => self.own(at.company(&config.companies)?),
            Field::Period => self.text(&at.item.period),
            Field::Date => day(header.date),
            Field::CreatedOn => day(at.batch.created_at.date_naive()),
            Field::Kind => self.text(header.kind.name()),
            Field::Reference => self.text(&header.reference),
            Field::Description => self.text(&header.description),
            Field::Rule => self.text(&header.rule.rule),
            Field::Account => self.text(at.batch.called(&line.account, header.date).account),
            Field::AccountCode => self.text(at.account(&config.accounts)?),
            Field::Side => self.own(config.sides.word(line.side)),
            Field::Currency => self.text(line.amount.currency().code()),
            Field::FunctionalCurrency => self.text(line.functional.currency().code()),
            Field::Rate => Cell::made(config.numbers.rate(header.rate)),
            Field::Debit => self.one_side(at, column, line.amount, Side::Debit)?,
            Field::Credit => self.one_side(at, column, line.amount, Side::Credit)?,
            Field::Amount => self.signed(at, column, line.amount)?,
            Field::Unsigned => self.money(at, column, line.amount)?,
            Field::FunctionalDebit => self.one_side(at, column, line.functional, Side::Debit)?,
            Field::FunctionalCredit => self.one_side(at, column, line.functional, Side::Credit)?,
            Field::FunctionalAmount => self.signed(at, column, line.functional)?,
            Field::FunctionalUnsigned => self.money(at, column, line.functional)?,
        })
    }

    /// An amount, or why it does not fit.
    fn money(
        &self,
        at: &Placed<'_>,
        column: &Column,
        money: Money,
    ) -> Result<Cell<'static>, RenderError> {
        let text = self.config.numbers.amount(money);
        text.map(Cell::made).ok_or_else(|| {
            let name = &column.header;
            at.unfit(format!(
                "{money} needs more decimal places than `places` gives column `{name}`"
            ))
        })
    }

    /// The amount in its own column, and what stands for none in the other.
    fn one_side(
        &self,
        at: &Placed<'_>,
        column: &Column,
        money: Money,
        side: Side,
    ) -> Result<Cell<'static>, RenderError> {
        if at.line.side == side {
            return self.money(at, column, money);
        }
        if self.config.numbers.is_zero_written() {
            return self.money(at, column, Money::minor(0, money.currency()));
        }
        Ok(Cell::Bare(Cow::Borrowed("")))
    }

    /// The amount with its sign.
    fn signed(
        &self,
        at: &Placed<'_>,
        column: &Column,
        money: Money,
    ) -> Result<Cell<'static>, RenderError> {
        let is_negative = self.config.numbers.is_negative(at.line.side);
        let amount = if is_negative {
            money.amount().saturating_neg()
        } else {
            money.amount()
        };
        self.money(at, column, Money::minor(amount, money.currency()))
    }
}
