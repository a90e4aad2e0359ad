//! A type into a row: one column per element of tuples, sequences and structs, one for all else.
//!
//! A newcomer's trap: `()` is what a nil looks like to serde (`rmpv::Value::Nil` is the same), so
//! it is a row of one nil; a row without columns (`[T; 0]`, an empty list) is an error. Columns are
//! written where the row is to lie, and by nothing in between: rows are made by the million.

use serde::ser::{self, Serialize, Serializer};

use super::TypedError;
use super::column::{Column, Nested};
use crate::row::msgpack;

/// Appends the columns of a value. Nothing is appended on an error.
#[inline]
pub(crate) fn to_payload<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    value: &T,
) -> Result<(), TypedError> {
    let start = out.len();
    let mut written = value.serialize(Row { out: &mut *out });
    if written.is_ok() && out.len() == start {
        written = Err(TypedError::Empty);
    }
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// The columns of a row.
struct Row<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Row<'a> {
    fn only(self) -> Column<'a> {
        Column::of_row(self.out)
    }

    #[inline]
    fn column<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
        value.serialize(Column::of_row(self.out))
    }
}

/// Methods that make a row of one column.
macro_rules! only_column {
    ($($method:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        #[inline]
        fn $method(self, $($argument: $type),*) -> Result<$result, TypedError> {
            self.only().$method($($argument),*)
        }
    )*};
}

impl<'a> Serializer for Row<'a> {
    type Ok = ();
    type Error = TypedError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Nested<'a>;
    type SerializeMap = Nested<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Nested<'a>;

    only_column! {
        serialize_bool(value: bool) -> ();
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_i64(value: i64) -> ();
        serialize_i128(value: i128) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_u64(value: u64) -> ();
        serialize_u128(value: u128) -> ();
        serialize_f32(value: f32) -> ();
        serialize_f64(value: f64) -> ();
        serialize_char(value: char) -> ();
        serialize_str(value: &str) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(name: &'static str) -> ();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> ();
        serialize_map(len: Option<usize>) -> Nested<'a>;
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> Nested<'a>;
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> Nested<'a>;
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        self.only().serialize_newtype_variant(name, index, variant, value)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), TypedError> {
        self.column(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        match name {
            rmp_serde::MSGPACK_EXT_STRUCT_NAME => self.only().serialize_newtype_struct(name, value),
            _ => value.serialize(self),
        }
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, TypedError> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, TypedError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, TypedError> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, TypedError> {
        Ok(self)
    }
}

/// Elements that are columns of the row.
macro_rules! columns {
    ($($trait:ident::$method:ident)*) => {$(
        impl ser::$trait for Row<'_> {
            type Ok = ();
            type Error = TypedError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
                self.column(value)
            }

            fn end(self) -> Result<(), TypedError> {
                Ok(())
            }
        }
    )*};
}

columns! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
}

impl ser::SerializeStruct for Row<'_> {
    type Ok = ();
    type Error = TypedError;

    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        self.column(value)
    }

    /// A skipped field is a nil, so that the columns behind it keep their numbers.
    fn skip_field(&mut self, _: &'static str) -> Result<(), TypedError> {
        msgpack::put_nil(self.out);
        Ok(())
    }

    fn end(self) -> Result<(), TypedError> {
        Ok(())
    }
}
