//! A plain folder as repository, for rehearsals and laptops.
