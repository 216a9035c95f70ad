//! Background passes; each looks at the world anew.
