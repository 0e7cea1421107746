//! stub

use std::borrow::Cow;

/// stub
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    Cow::Owned(
        text.chars()
            .flat_map(|c| {
                if c.is_control() {
                    c.escape_unicode().collect::<Vec<_>>()
                } else {
                    vec![c]
                }
            })
            .collect(),
    )
}
