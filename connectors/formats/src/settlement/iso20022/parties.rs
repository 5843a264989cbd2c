//! Who is at the other end.

use crate::read::plain::{joined, squeezed};
use crate::read::xml::Element;

/// The most characters that are told of the other side.
const MOST: usize = 300;

/// Somebody by name and account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Party {
    name: String,
    account: String,
}

impl Party {
    /// The account that a statement is of.
    pub(super) fn owner(account: &str, name: &str) -> Self {
        Self {
            name: squeezed(name),
            account: account.to_owned(),
        }
    }

    fn of(parties: &Element, who: &str, ultimate: &str) -> Self {
        let name = [who, ultimate]
            .iter()
            .find_map(|who| named(parties.child(who)?));
        let account = parties
            .child(&format!("{who}Acct"))
            .and_then(|account| account.child("Id"))
            .and_then(account);
        Self {
            name: name.map(squeezed).unwrap_or_default(),
            account: account.unwrap_or_default(),
        }
    }

    const fn is_unknown(&self) -> bool {
        self.name.is_empty() && self.account.is_empty()
    }

    /// By account where both are known, else by name.
    fn is(&self, other: &Self) -> bool {
        if !self.account.is_empty() && !other.account.is_empty() {
            return self.account == other.account;
        }
        !self.name.is_empty() && self.name.eq_ignore_ascii_case(&other.name)
    }

    fn told(&self) -> String {
        let told = joined(&[&self.name, &self.account], ", ");
        told.chars().take(MOST).collect()
    }
}

/// The name of a party; from version .08 it stands in a choice, and may be a bank's.
fn named(party: &Element) -> Option<&str> {
    let paths: [&[&str]; 5] = [
        &["Nm"],
        &["Pty", "Nm"],
        &["Agt", "FinInstnId", "Nm"],
        &["Agt", "FinInstnId", "BICFI"],
        &["PstlAdr", "AdrLine"],
    ];
    paths.iter().find_map(|path| party.text_at(path))
}

/// The account in an `Id`: an IBAN without the blanks that people put into it, or whatever it is.
pub(super) fn account(id: &Element) -> Option<String> {
    if let Some(iban) = id.text_at(&["IBAN"]) {
        return Some(iban.split_whitespace().collect());
    }
    let paths: [&[&str]; 4] = [&["Othr", "Id"], &["BBAN"], &["PrtryAcct", "Id"], &["UPIC"]];
    let found = paths.iter().find_map(|path| id.text_at(path));
    found.map(squeezed)
}

/// The two sides of an entry's details: none where details differ.
#[derive(Debug, Default)]
pub(super) struct Sides(Option<(Option<Party>, Option<Party>)>);

impl Sides {
    pub(super) fn take(&mut self, detail: &Element) {
        let none = Element::default();
        let parties = detail.child("RltdPties").unwrap_or(&none);
        let debtor = Party::of(parties, "Dbtr", "UltmtDbtr");
        let creditor = Party::of(parties, "Cdtr", "UltmtCdtr");
        match &mut self.0 {
            None => self.0 = Some((Some(debtor), Some(creditor))),
            Some((first, second)) => {
                *first = first.take().filter(|known| *known == debtor);
                *second = second.take().filter(|known| *known == creditor);
            }
        }
    }

    /// The other side of a movement of the owner's account.
    pub(super) fn other(&self, is_debit: bool, owner: &Party) -> String {
        let Some((debtor, creditor)) = &self.0 else {
            return String::new();
        };
        let (there, here) = if is_debit {
            (creditor, debtor)
        } else {
            (debtor, creditor)
        };
        let is_own = |party: &Option<Party>| party.as_ref().is_some_and(|party| party.is(owner));
        // Where both are the owner, the sign is all that there is to go by.
        let other = if is_own(there) && !is_own(here) {
            here
        } else {
            there
        };
        let known = other.as_ref().filter(|party| !party.is_unknown());
        known.map(Party::told).unwrap_or_default()
    }
}
