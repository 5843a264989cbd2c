//! What an error asks for, wherever in its chain the one who knows is.

use connectors::source::SourceError;
use ledger::Class;
use store::StoreError;

/// What an error asks for, wherever in the chain the one who knows is.
pub fn class(error: &anyhow::Error) -> Class {
    error
        .chain()
        .find_map(|cause| {
            cause
                .downcast_ref::<StoreError>()
                .map(StoreError::class)
                .or_else(|| cause.downcast_ref::<SourceError>().map(SourceError::class))
        })
        .unwrap_or(Class::Unclassified)
}
