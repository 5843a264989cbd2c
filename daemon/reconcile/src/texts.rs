//! Many texts put into order. Names of one sender begin alike, and to look at each text anew for each comparison is what
//! sorting a million of them takes its time for: what follows the common beginning is compared as a number first.

/// The beginning that all of some texts have in common, in bytes.
pub(crate) fn common<'t>(mut texts: impl Iterator<Item = &'t str>) -> usize {
    let Some(first) = texts.next() else {
        return 0;
    };
    texts.fold(first.len(), |common, text| {
        let pairs = first.bytes().zip(text.bytes());
        pairs
            .take(common)
            .take_while(|(one, other)| one == other)
            .count()
    })
}

/// The eight bytes of a text that follow a beginning, as a number in whose order the texts are.
pub(crate) fn key(text: &str, begin: usize) -> u64 {
    let rest = text.as_bytes().get(begin..).unwrap_or_default();
    let mut bytes = [0; 8];
    for (to, from) in bytes.iter_mut().zip(rest) {
        *to = *from;
    }
    u64::from_be_bytes(bytes)
}

/// Texts in their order.
pub(crate) fn sorted(texts: Vec<&str>) -> impl Iterator<Item = &str> {
    let begin = common(texts.iter().copied());
    let mut keyed: Vec<(u64, &str)> = texts
        .into_iter()
        .map(|text| (key(text, begin), text))
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, text)| text)
}

/// Two rows of texts, each in its order, as one.
pub(crate) fn merged<'t>(
    one: impl Iterator<Item = &'t str>,
    other: impl Iterator<Item = &'t str>,
) -> impl Iterator<Item = &'t str> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(left), Some(right)) if right < left => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_the_order_that_they_have() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let begin = ["", "ch_", "a common beginning/"][random.usize(..3)];
            let mut word = || {
                let letters = ["\0", "a", "b", "é", "1"];
                let rest: String = (0..random.usize(..12))
                    .map(|_| letters[random.usize(..5)])
                    .collect();
                format!("{begin}{rest}")
            };
            let all: [Vec<String>; 2] = [0, 1].map(|_| (0..9).map(|_| word()).collect());
            let texts = |side: usize| all[side].iter().map(String::as_str).collect::<Vec<_>>();
            let found: Vec<&str> = merged(sorted(texts(0)), sorted(texts(1))).collect();
            let mut wanted = [texts(0), texts(1)].concat();
            wanted.sort_unstable();
            assert_eq!(found, wanted);
        }
        assert_eq!((common([].into_iter()), sorted(Vec::new()).count()), (0, 0));
    }
}
