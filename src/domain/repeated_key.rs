//! Keys that stand twice in one object of a JSON text. Parsers keep the last one and say nothing; in a file that two
//! people merged, the first one was meant as well.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{Deserialize, Error, MapAccess, SeqAccess, Visitor};

/// Says of a JSON text which key stands twice in an object, and where; of any other text nothing.
pub fn repeated_key(text: &str) -> Option<String> {
    let error = serde_json::from_str::<DistinctKeys>(text).err()?;
    let said = error.to_string();
    error.is_data().then_some(said)
}

/// Any value, as long as no key stands twice.
struct DistinctKeys;

impl<'de> Deserialize<'de> for DistinctKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for DistinctKeys {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self, A::Error> {
        let mut known = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if known.contains(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} stands twice")));
            }
            known.insert(key);
            entries.next_value::<Self>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_named_with_its_place_and_the_same_key_elsewhere_is_none() {
        let twice = "{\"nightly\": [1, \"a\"],\n \"stable\": [], \"nightly\": []}";
        assert_eq!(repeated_key(twice).as_deref(), Some("the key \"nightly\" stands twice at line 2 column 24"));
        assert!(repeated_key(r#"{"nightly": [{"disabled": true, "disabled": false}]}"#).is_some());
        for fine in [r#"[{"a": 1.5}, {"a": null}]"#, r#"{"a": {"a": -1}}"#, "{", "", "true", "<html>"] {
            assert_eq!(repeated_key(fine), None, "{fine}");
        }
    }
}
