//! Whether what was acknowledged is what is stored.
