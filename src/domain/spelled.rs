//! Enums whose variants are spelled somewhere: in state files, tokens, on command lines.

/// An enum with its spelling, and the list of its variants that no new one can be missing from.
macro_rules! spelled {
    (
        $(#[$meta:meta])*
        $name:ident, $(#[$spelling_doc:meta])* $spelling:ident: $type:ty {
            $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+
        }
    ) => {
        $(#[$meta])*
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// All of them, in the order of their definition.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            $(#[$spelling_doc])*
            pub const fn $spelling(self) -> $type {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

pub(crate) use spelled;
