//! Programs that we start: elliott. Time limit, own process group, bounded output.
