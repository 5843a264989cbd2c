//! Spelling does not count: a name is its letters and digits, without case. `INV-0012`, `inv 0012` and `Inv.0012`
//! are one name.

/// Letters and digits in lower case.
pub(crate) fn fold(text: &str, folded: &mut String) {
    for letter in text.chars().filter(|letter| letter.is_alphanumeric()) {
        if letter.is_ascii() {
            folded.push(letter.to_ascii_lowercase());
        } else {
            folded.extend(letter.to_lowercase());
        }
    }
}

/// The most words over which one name may be spread.
const WORDS: usize = 6;
/// A name that is spread over several words has at least so many letters: shorter ones arise by chance.
const SPREAD: usize = 6;
/// The shortest name that is looked for.
pub(crate) const SHORTEST: usize = 3;

/// Every run of whole words of a text, folded, that could be a name no longer than `longest` bytes. A word ends at
/// everything but letters, digits and what joins them in a name, so that a name within a longer word is not found.
pub(crate) fn words(text: &str, longest: usize, mut each: impl FnMut(&str)) {
    let joins = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | '#');
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|letter| !joins(letter)) {
        let mut folded = String::new();
        fold(word, &mut folded);
        if !folded.is_empty() {
            words.push(folded);
        }
    }
    let mut run = String::new();
    for start in 0..words.len() {
        run.clear();
        for (count, word) in words[start..].iter().take(WORDS).enumerate() {
            run.push_str(word);
            if run.len() > longest {
                break;
            }
            if run.len() >= SHORTEST && (count == 0 || run.len() >= SPREAD) {
                each(&run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_whole_words_in_any_spelling() {
        let said = |text: &str| {
            let mut all = Vec::new();
            words(text, 20, |word| all.push(word.to_owned()));
            all
        };
        assert!(said("STRIPE po_1").contains(&"po1".to_owned()));
        assert!(said("EREF+Inv.0012, thanks").contains(&"inv0012".to_owned()));
        assert!(said("RF18 5390 0754").contains(&"rf1853900754".to_owned()));
        assert!(!said("STRIPE po_12").contains(&"po1".to_owned()));
        assert!(!said("xpo_1").contains(&"po1".to_owned()));
        assert!(
            !said("po 1").contains(&"po1".to_owned()),
            "short names are not spread"
        );
        let mut folded = String::new();
        fold("Ä-Straße Nº 7", &mut folded);
        assert_eq!(folded, "ästraßenº7");
    }
}
