//! SAF-T Financial for Norway, version 1.30: the entries of the batch as an audit file.
//!
//! UTF-8 XML in the namespace of the tax administration. A file holds one company and one fiscal year, and its name
//! is the administration's: number, and the time at which it was made. Batches of one second would share that name,
//! so the files leave in a ZIP of the batch's own.
//!
//! Amounts are in the currency of the books, with two decimals; an amount in another currency stands beside, with its
//! rate where that fits eight decimals, or in the line's text where it has three. The schema wants every account that
//! a line names with its place in a list of the authorities (`grouping`) and with balances: a batch knows no balances
//! of the books, so its accounts open at nothing and close with what the file moved, and the header says so.
//! Dimensions that `dimensions` gives a type of at most nine signs stand as analyses.
//!
//! The report that the authorities ask for covers a period and its balances; one batch's file is for systems that
//! import entries. Texts are cut where the schema cuts them; control characters and what XML cannot hold become
//! spaces. Validated against the authorities' schema; not sent to them.

use super::company::{self, Part, bounded, in_currency, january, of_entity, unfit};
use super::limits::{Limits, Within};
use super::{ExportBatch, ExportEntry, FileFormat, FileKind, RenderError, is_plain, written};
use chrono::NaiveDate;
use ledger::{Line, Side};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use rust_decimal::Decimal;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// This kind's registration.
pub const KIND: FileKind =
    FileKind::of::<SaftNo>("saft_no", "SAF-T Financial 1.30 (Norway)", EXAMPLE).holding(Limits {
        within: Within::Year,
        ..Limits::NONE
    });

const EXAMPLE: &str = r#"# The company with the register's number and someone to ask, by entity.
companies:
  norge:
    number: "888888888"
    name: Eksempel AS
    contact: { first_name: Kari, last_name: Nordmann, telephone: "22000000" }
    first_month: 1
# Numbers that are not the chart's codes.
accounts: { accounts-receivable: "1500", tax-payable: "2700", revenue-access: "3000" }
# The place of each account in the authorities' list.
grouping:
  accounts-receivable: { category: balanseverdiForOmloepsmiddel, code: "1500" }
  tax-payable: { category: kortsiktigGjeld, code: "2740" }
  revenue-access: { category: salgsinntekt, code: "3000" }
# Types of analyses by the dimension's name.
dimensions: { product: P, region: R, customer: K }
currency: NOK
journal: { id: GL, name: Hovedbok, type: GL }
"#;

const NAMESPACE: &str = "urn:StandardAuditFile-Taxation-Financial:NO";

/// The lengths of the schema's texts.
const CODE: usize = 9;
const SHORT: usize = 18;
const MIDDLE: usize = 35;
const LONGER: usize = 70;
const LONG: usize = 256;

/// The digits before the decimal sign, of 18 with two decimals.
const WHOLE: u32 = 16;

/// The options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whose books an entity's are.
    pub companies: BTreeMap<String, Company>,
    /// Account numbers by the account's name, where they are not the chart's codes.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
    /// An account's place in the authorities' list, by its name.
    pub grouping: BTreeMap<String, Grouping>,
    /// The type of a dimension's analysis by our name of it; others are left out.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// The currency of the books.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// The journal that the entries are of.
    #[serde(default)]
    pub journal: Journal,
}

fn default_currency() -> String {
    "NOK".to_owned()
}

/// A company.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// Its number in the register.
    pub number: String,
    /// Its name.
    pub name: String,
    /// Someone to ask.
    pub contact: Contact,
    /// The month with which the fiscal year begins.
    #[serde(default = "january", deserialize_with = "bounded::<_, 1, 12>")]
    pub first_month: u32,
}

/// Someone to ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The telephone number.
    pub telephone: String,
}

/// An account's place in the authorities' list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grouping {
    /// `GroupingCategory`.
    pub category: String,
    /// `GroupingCode`.
    pub code: String,
}

/// A journal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Journal {
    /// Its name for machines.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What kind of journal it is.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            id: "GL".to_owned(),
            name: "Hovedbok".to_owned(),
            kind: "GL".to_owned(),
        }
    }
}

/// The format.
#[derive(Clone, Debug)]
pub struct SaftNo {
    config: Config,
}

impl FileFormat for SaftNo {
    type Config = Config;

    fn new(config: Config) -> Self {
        Self { config }
    }

    fn name(&self, batch: &ExportBatch) -> String {
        batch.file_name("zip")
    }

    fn render(&self, batch: &ExportBatch, out: &mut dyn Write) -> Result<(), RenderError> {
        let first_month = |entity: &str| {
            let company = self.config.companies.get(entity);
            company.map_or(january(), |company| company.first_month)
        };
        let parts = company::parts(batch, first_month, usize::MAX);
        let of = |part: &Part<'_>| {
            let siblings = parts.iter().filter(|other| other.entity == part.entity);
            let (number, of) = siblings.fold((0, 0), |(number, of), other| {
                (number + usize::from(other.year <= part.year), of + 1)
            });
            if of == 1 {
                String::new()
            } else {
                format!("_{number}_{of}")
            }
        };
        let name = |part: &Part<'_>| {
            let company = of_entity(&self.config.companies, part.entity, "companies")?;
            let made = batch.created_at.format("%Y%m%d%H%M%S");
            Ok(format!(
                "SAF-T Financial_{}_{made}{}.xml",
                company.number,
                of(part)
            ))
        };
        company::packed(&parts, out, name, |part, out| self.file(part, out))
    }
}

/// What is declared before the entries, and what they sum to, in minor units.
#[derive(Debug, Default)]
struct Found<'b> {
    /// Accounts by their number, with what the file moved: debits less credits.
    accounts: BTreeMap<&'b str, Moved<'b>>,
    analyses: BTreeSet<(&'b str, Cow<'b, str>)>,
    entries: usize,
    /// Of the debits, and so of the credits.
    total: i128,
    /// Decimal places of the books' currency.
    places: u32,
}

#[derive(Debug)]
struct Moved<'b> {
    title: &'b str,
    grouping: &'b Grouping,
    balance: i128,
}

impl SaftNo {
    fn file(&self, part: &Part<'_>, out: &mut dyn Write) -> Result<(), RenderError> {
        let company = of_entity(&self.config.companies, part.entity, "companies")?;
        let found = self.found(part)?;
        let mut xml = Xml(Writer::new_with_indent(out, b' ', 1));
        xml.open_file().map_err(RenderError::write)?;
        self.header(&mut xml, part, company)
            .and_then(|()| self.master_files(&mut xml, &found))
            .and_then(|()| self.journal(&mut xml, &found))
            .map_err(RenderError::write)?;
        for item in part.entries() {
            self.transaction(&mut xml, part, item)
                .map_err(RenderError::write)?;
        }
        for name in ["Journal", "GeneralLedgerEntries", "AuditFile"] {
            xml.close(name).map_err(RenderError::write)?;
        }
        xml.0.get_mut().write_all(b"\n").map_err(RenderError::write)
    }

    fn found<'b>(&'b self, part: &Part<'b>) -> Result<Found<'b>, RenderError> {
        let mut found = Found::default();
        for item in part.entries() {
            found.entries += 1;
            for (line, place) in item.entry.lines().iter().zip(1..) {
                in_currency(
                    item,
                    place,
                    line.functional.currency(),
                    &self.config.currency,
                )?;
                found.places = line.functional.currency().exponent();
                if found.places > 2 {
                    return Err(unfit(item, place, "it has more than two decimals"));
                }
                let called = part.batch.called(&line.account, item.entry.header().date);
                let number = company::number(&self.config.accounts, line, called)?;
                let grouping = self.config.grouping.get(called.account);
                let grouping = grouping.or_else(|| self.config.grouping.get(&line.account));
                let moved = found.accounts.entry(number).or_insert(Moved {
                    title: company::title(part.batch, line, called),
                    grouping: grouping.ok_or_else(|| RenderError::Unknown {
                        what: "account",
                        name: line.account.clone(),
                        option: "grouping",
                    })?,
                    balance: 0,
                });
                let signed = line.side.signed(line.functional.amount());
                moved.balance += signed;
                found.total += signed.max(0);
                if found.total >= 10_i128.pow(WHOLE + found.places) {
                    return Err(unfit(
                        item,
                        place,
                        "the file's total would have more than 18 digits",
                    ));
                }
                found.analyses.extend(self.analyses(line));
            }
        }
        Ok(found)
    }

    /// The analyses of a line: type and value.
    fn analyses<'c>(&'c self, line: &'c Line) -> Vec<(&'c str, Cow<'c, str>)> {
        let dimensions = self.config.dimensions.iter();
        let analyses = dimensions.filter_map(|(name, kind)| {
            let value = fit(line.dimensions.get(name)?, MIDDLE);
            (!value.is_empty()).then_some((kind.as_str(), value))
        });
        analyses.collect()
    }

    fn header(&self, xml: &mut Xml<'_>, part: &Part<'_>, company: &Company) -> io::Result<()> {
        xml.open("Header")?;
        xml.text("AuditFileVersion", "1.30", CODE)?;
        xml.text("AuditFileCountry", "NO", 2)?;
        xml.day("AuditFileDateCreated", part.batch.created_at.date_naive())?;
        xml.text("SoftwareCompanyName", "Tieout", LONGER)?;
        xml.text("SoftwareID", "Tieout", LONG)?;
        xml.text("SoftwareVersion", "1", SHORT)?;
        xml.open("Company")?;
        xml.text("RegistrationNumber", &company.number, MIDDLE)?;
        xml.text("Name", &company.name, LONG)?;
        xml.open("Contact")?;
        xml.open("ContactPerson")?;
        xml.text("FirstName", &company.contact.first_name, MIDDLE)?;
        xml.text("LastName", &company.contact.last_name, LONGER)?;
        xml.close("ContactPerson")?;
        xml.text("Telephone", &company.contact.telephone, SHORT)?;
        xml.close("Contact")?;
        xml.close("Company")?;
        xml.text("DefaultCurrencyCode", &self.config.currency, 3)?;
        xml.open("SelectionCriteria")?;
        xml.day("SelectionStartDate", part.days.0)?;
        xml.day("SelectionEndDate", part.days.1)?;
        xml.close("SelectionCriteria")?;
        let comment = format!(
            "Entries of batch {} number {} of {}; balances are what this file moved.",
            part.batch.id, part.batch.number, part.batch.target
        );
        xml.text("HeaderComment", &comment, LONG)?;
        xml.text("TaxAccountingBasis", "A", SHORT)?;
        xml.close("Header")
    }

    fn master_files(&self, xml: &mut Xml<'_>, found: &Found<'_>) -> io::Result<()> {
        xml.open("MasterFiles")?;
        xml.open("GeneralLedgerAccounts")?;
        for (number, moved) in &found.accounts {
            let (opening, closing) = if moved.balance < 0 {
                ("OpeningCreditBalance", "ClosingCreditBalance")
            } else {
                ("OpeningDebitBalance", "ClosingDebitBalance")
            };
            xml.open("Account")?;
            xml.text("AccountID", number, LONGER)?;
            xml.text("AccountDescription", moved.title, LONG)?;
            xml.text("GroupingCategory", &moved.grouping.category, LONG)?;
            xml.text("GroupingCode", &moved.grouping.code, MIDDLE)?;
            xml.text("AccountType", "GL", SHORT)?;
            xml.text(opening, "0.00", SHORT)?;
            let balance = minor(moved.balance.unsigned_abs(), found.places);
            xml.text(closing, &balance, LONG)?;
            xml.close("Account")?;
        }
        xml.close("GeneralLedgerAccounts")?;
        if !found.analyses.is_empty() {
            self.analysis_types(xml, found)?;
        }
        xml.close("MasterFiles")
    }

    fn analysis_types(&self, xml: &mut Xml<'_>, found: &Found<'_>) -> io::Result<()> {
        let names = self.config.dimensions.iter();
        let names: BTreeMap<&str, &str> = names
            .map(|(name, kind)| (kind.as_str(), name.as_str()))
            .collect();
        xml.open("AnalysisTypeTable")?;
        for (kind, value) in &found.analyses {
            xml.open("AnalysisTypeTableEntry")?;
            xml.text("AnalysisType", kind, CODE)?;
            xml.text(
                "AnalysisTypeDescription",
                names.get(kind).unwrap_or(kind),
                LONG,
            )?;
            xml.text("AnalysisID", value, MIDDLE)?;
            xml.text("AnalysisIDDescription", value, LONG)?;
            xml.close("AnalysisTypeTableEntry")?;
        }
        xml.close("AnalysisTypeTable")
    }

    fn journal(&self, xml: &mut Xml<'_>, found: &Found<'_>) -> io::Result<()> {
        let total = minor(found.total.unsigned_abs(), found.places);
        xml.open("GeneralLedgerEntries")?;
        xml.text("NumberOfEntries", &found.entries.to_string(), LONG)?;
        xml.text("TotalDebit", &total, LONG)?;
        xml.text("TotalCredit", &total, LONG)?;
        xml.open("Journal")?;
        xml.text("JournalID", &self.config.journal.id, SHORT)?;
        xml.text("Description", &self.config.journal.name, LONG)?;
        xml.text("Type", &self.config.journal.kind, CODE)
    }

    fn transaction(
        &self,
        xml: &mut Xml<'_>,
        part: &Part<'_>,
        item: &ExportEntry,
    ) -> io::Result<()> {
        let header = item.entry.header();
        let (year, period) = year_and_period(&item.period, header.date);
        let text = if header.description.trim().is_empty() {
            &item.document
        } else {
            &header.description
        };
        xml.open("Transaction")?;
        xml.text("TransactionID", &item.document, LONGER)?;
        xml.text("Period", &period.to_string(), CODE)?;
        xml.text("PeriodYear", &year.to_string(), CODE)?;
        xml.day("TransactionDate", item.entry.own_day())?;
        xml.text("SourceID", "Tieout", MIDDLE)?;
        xml.text("VoucherType", header.kind.name(), LONGER)?;
        xml.text("TransactionType", "Normal", SHORT)?;
        xml.text("Description", text, LONG)?;
        xml.text("BatchID", &part.batch.number.to_string(), MIDDLE)?;
        // The schema's word for who does not know when an entry was keyed: the day of its document.
        xml.day("SystemEntryDate", item.entry.own_day())?;
        xml.day("GLPostingDate", header.date)?;
        xml.text("SystemID", &item.id.to_string(), SHORT)?;
        for (line, place) in item.entry.lines().iter().zip(1..) {
            self.line(xml, part.batch, item, (line, place), text)?;
        }
        xml.close("Transaction")
    }

    fn line(
        &self,
        xml: &mut Xml<'_>,
        batch: &ExportBatch,
        item: &ExportEntry,
        (line, place): (&Line, usize),
        text: &str,
    ) -> io::Result<()> {
        let header = item.entry.header();
        let called = batch.called(&line.account, header.date);
        let number = company::number(&self.config.accounts, line, called);
        let number = number.map_err(io::Error::other)?;
        xml.open("Line")?;
        xml.text("RecordID", &place.to_string(), SHORT)?;
        xml.text("AccountID", number, LONGER)?;
        for (kind, value) in self.analyses(line) {
            xml.open("Analysis")?;
            xml.text("AnalysisType", kind, CODE)?;
            xml.text("AnalysisID", &value, MIDDLE)?;
            xml.close("Analysis")?;
        }
        if !header.reference.trim().is_empty() {
            xml.text("SourceDocumentID", &header.reference, MIDDLE)?;
        }
        match held(line) {
            Some(_) => xml.text("Description", text, LONG)?,
            None => xml.text("Description", &format!("{}: {text}", line.amount), LONG)?,
        }
        let side = match line.side {
            Side::Debit => "DebitAmount",
            Side::Credit => "CreditAmount",
        };
        xml.open(side)?;
        let functional = line.side.signed(line.functional.amount()).unsigned_abs();
        let places = line.functional.currency().exponent();
        xml.text("Amount", &minor(functional, places), LONG)?;
        xml.foreign(line, header.rate)?;
        xml.close(side)?;
        xml.close("Line")
    }
}

/// The fiscal year and the number of a period, `2026-01`; of another spelling, those of the day.
fn year_and_period(period: &str, day: NaiveDate) -> (i32, u32) {
    use chrono::Datelike;
    let of_code = period.split_once('-').and_then(|(year, number)| {
        let digits = number.trim_start_matches(|sign: char| !sign.is_ascii_digit());
        Some((year.parse().ok()?, digits.parse().ok()?))
    });
    of_code.unwrap_or((day.year(), day.month()))
}

/// Minor units in major units, with at least two decimals.
fn minor(amount: u128, places: u32) -> String {
    let units = 10_u128.saturating_pow(places);
    let mut text = String::with_capacity(16);
    written::count(&mut text, amount / units);
    text.push('.');
    let width = usize::try_from(places).unwrap_or(0);
    if width > 0 {
        written::padded(&mut text, amount % units, width);
    }
    for _ in width..2 {
        text.push('0');
    }
    text
}

/// The amount of a line, where the schema's two decimals hold it.
fn held(line: &Line) -> Option<Decimal> {
    let amount = line.amount.to_decimal();
    Some(amount.normalize()).filter(|amount| amount.scale() <= 2)
}

/// A text as the schema has it: on one line, in characters that XML can hold, cut.
fn fit(text: &str, most: usize) -> Cow<'_, str> {
    // What is short in bytes is short in characters.
    if text.len() <= most && is_plain(text) {
        return Cow::Borrowed(text.trim());
    }
    let text = super::one_line(text).replace(['\u{fffe}', '\u{ffff}'], " ");
    let cut: String = text.trim().chars().take(most).collect();
    Cow::Owned(cut.trim_end().to_owned())
}

/// Elements, one after another.
struct Xml<'w>(Writer<&'w mut dyn Write>);

impl Xml<'_> {
    fn open_file(&mut self) -> io::Result<()> {
        let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
        self.0.write_event(Event::Decl(declaration))?;
        let root = BytesStart::new("AuditFile").with_attributes([("xmlns", NAMESPACE)]);
        self.0.write_event(Event::Start(root))
    }

    fn open(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::Start(BytesStart::new(name)))
    }

    fn close(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    fn text(&mut self, name: &str, text: &str, most: usize) -> io::Result<()> {
        self.open(name)?;
        let text = fit(text, most);
        self.0.write_event(Event::Text(BytesText::new(&text)))?;
        self.close(name)
    }

    fn day(&mut self, name: &str, day: NaiveDate) -> io::Result<()> {
        self.text(name, &written::day_of(day, "-"), LONG)
    }

    /// The amount in another currency, where the schema holds it, and the rate, where it has eight decimals.
    fn foreign(&mut self, line: &Line, rate: Option<Decimal>) -> io::Result<()> {
        let is_foreign = line.amount.currency() != line.functional.currency();
        let Some(amount) = held(line).filter(|_| is_foreign) else {
            return Ok(());
        };
        self.text("CurrencyCode", line.amount.currency().code(), 3)?;
        self.text("CurrencyAmount", &amount.to_string(), LONG)?;
        match rate.map(|rate| rate.normalize()) {
            Some(rate) if rate.scale() <= 8 => self.text("ExchangeRate", &rate.to_string(), LONG),
            _ => Ok(()),
        }
    }
}
