//! `Clone` field by field.

/// Implements `Clone` for a struct with these fields, so that `clone_from` keeps the memory of each; the derived one would
/// allocate all of it anew. Every field is listed, or the compiler complains: a copy of the world must be whole.
macro_rules! clone_fields {
    ($type:ident $(<$param:ident: $bound:ident>)? { $($field:ident),* $(,)? }) => {
        impl $(<$param: $bound>)? Clone for $type $(<$param>)? {
            fn clone(&self) -> Self {
                let Self { $($field),* } = self;
                Self { $($field: $field.clone()),* }
            }

            fn clone_from(&mut self, from: &Self) {
                let Self { $($field),* } = from;
                $(self.$field.clone_from($field);)*
            }
        }
    };
}
