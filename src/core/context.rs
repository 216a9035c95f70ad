//! What every operator gets first: clock, cancellation, settings, clients, stores, actor.
