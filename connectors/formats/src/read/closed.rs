//! Closed lists: words of which it depends whether money moved, or which way. One that is not in its
//! list is never guessed: the line is refused with the words that are.

use super::plain::shown;
use crate::error::ParseError;

/// What a word of a list means. An empty word is in the list, or it is missing.
///
/// # Errors
/// What is wrong, with the list.
pub fn one_of<T: Copy>(name: &str, word: &str, list: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, meaning)) = list.iter().find(|(own, _)| *own == word) {
        return Ok(*meaning);
    }
    let words = list.iter().map(|(own, _)| *own);
    let words: Vec<&str> = words.filter(|own| !own.is_empty()).collect();
    let words = words.join(", ");
    Err(if word.is_empty() {
        format!("`{name}` is missing; it is one of {words}")
    } else {
        format!("`{name}` is `{}`; it is one of {words}", shown(word))
    })
}

/// The same, on a line.
///
/// # Errors
/// [`ParseError`].
pub fn one_of_at<T: Copy>(
    line: u64,
    name: &str,
    word: &str,
    list: &[(&str, T)],
) -> Result<T, ParseError> {
    one_of(name, word, list).map_err(|what| ParseError::new(line, what))
}
