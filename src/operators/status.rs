//! What people ask most: where does this release stand?
