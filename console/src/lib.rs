//! Local backend and viewer for traces.
