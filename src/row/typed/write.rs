//! A type into a row: one column per element of tuples, sequences and structs, one for all else.
//!
//! A newcomer's trap: `()` is what a nil looks like to serde (`rmpv::Value::Nil` is the same), so
//! it is a row of one nil; a row without columns (`[T; 0]`, an empty list) is an error.

use serde::ser::{self, Serialize, Serializer};

use super::TypedError;
use super::wide::Narrow;
use crate::row::msgpack;

/// Appends the columns of a value. Nothing is appended on an error.
pub(crate) fn to_payload<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    value: &T,
) -> Result<(), TypedError> {
    let start = out.len();
    let written = value.serialize(Row { out: &mut *out }).and_then(|()| {
        // What serde wrote may be nested too deep for the readers.
        match msgpack::validate(&out[start..]) {
            Err(msgpack::Malformed::Empty) => Err(TypedError::Empty),
            checked => Ok(checked.map(drop)?),
        }
    });
    if written.is_err() {
        out.truncate(start);
    }
    written
}

struct Row<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Row<'a> {
    /// Appends one column.
    fn column<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
        let mut column = rmp_serde::Serializer::new(&mut *self.out).with_struct_map();
        Narrow(value).serialize(&mut column).map_err(|error| TypedError::Other(error.to_string()))
    }
}

/// Methods that make a row of one column.
macro_rules! one_column {
    ($($method:ident($type:ty))*) => {$(
        fn $method(mut self, value: $type) -> Result<(), TypedError> {
            self.column(&value)
        }
    )*};
}

/// Methods for which `rmp_serde` writes the only column.
macro_rules! by_rmp {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method(self, $($argument: $type),*) -> Result<(), TypedError> {
            rmp_serde::Serializer::new(self.out)
                .with_struct_map()
                .$method($($argument),*)
                .map_err(|error| TypedError::Other(error.to_string()))
        }
    )*};
}

impl<'a> Serializer for Row<'a> {
    type Ok = ();
    type Error = TypedError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = OnlyColumn<'a>;
    type SerializeMap = OnlyColumn<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = OnlyColumn<'a>;

    one_column! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32)
        serialize_i64(i64) serialize_i128(i128) serialize_u8(u8) serialize_u16(u16)
        serialize_u32(u32) serialize_u64(u64) serialize_u128(u128) serialize_f32(f32)
        serialize_f64(f64) serialize_char(char) serialize_str(&str)
    }

    by_rmp! {
        serialize_bytes(bytes: &[u8])
        serialize_none()
        serialize_unit()
        serialize_unit_struct(name: &'static str)
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        msgpack::put_map_len(self.out, 1);
        self.column(variant)?;
        self.column(value)
    }

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), TypedError> {
        self.column(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        if name != rmp_serde::MSGPACK_EXT_STRUCT_NAME {
            return value.serialize(self);
        }
        let mut column = rmp_serde::Serializer::new(&mut *self.out);
        column
            .serialize_newtype_struct(name, value)
            .map_err(|error| TypedError::Other(error.to_string()))
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

    fn serialize_map(self, _: Option<usize>) -> Result<OnlyColumn<'a>, TypedError> {
        Ok(OnlyColumn::new(self.out, msgpack::put_map_len))
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<OnlyColumn<'a>, TypedError> {
        msgpack::put_map_len(self.out, 1);
        self.column(variant)?;
        Ok(OnlyColumn::new(self.out, msgpack::put_array_len))
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<OnlyColumn<'a>, TypedError> {
        msgpack::put_map_len(self.out, 1);
        self.column(variant)?;
        Ok(OnlyColumn::new(self.out, msgpack::put_map_len))
    }
}

/// An array or map that is the row's only column; its length is known at its end.
struct OnlyColumn<'a> {
    out: &'a mut Vec<u8>,
    put_len: fn(&mut Vec<u8>, u32),
    elements: Vec<u8>,
    count: u32,
}

impl<'a> OnlyColumn<'a> {
    fn new(out: &'a mut Vec<u8>, put_len: fn(&mut Vec<u8>, u32)) -> OnlyColumn<'a> {
        OnlyColumn { out, put_len, elements: Vec::new(), count: 0 }
    }

    fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
        Row { out: &mut self.elements }.column(value)
    }

    fn finish(self) {
        (self.put_len)(self.out, self.count);
        self.out.extend_from_slice(&self.elements);
    }
}

/// Elements that are columns of the row.
macro_rules! elements {
    ($($trait:ident::$method:ident)*) => {$(
        impl ser::$trait for Row<'_> {
            type Ok = ();
            type Error = TypedError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
                self.column(value)
            }

            fn end(self) -> Result<(), TypedError> {
                Ok(())
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
}

impl ser::SerializeStruct for Row<'_> {
    type Ok = ();
    type Error = TypedError;

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

impl ser::SerializeMap for OnlyColumn<'_> {
    type Ok = ();
    type Error = TypedError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), TypedError> {
        self.count += 1;
        self.put(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
        self.put(value)
    }

    fn end(self) -> Result<(), TypedError> {
        self.finish();
        Ok(())
    }
}

impl ser::SerializeTupleVariant for OnlyColumn<'_> {
    type Ok = ();
    type Error = TypedError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), TypedError> {
        self.count += 1;
        self.put(value)
    }

    fn end(self) -> Result<(), TypedError> {
        self.finish();
        Ok(())
    }
}

impl ser::SerializeStructVariant for OnlyColumn<'_> {
    type Ok = ();
    type Error = TypedError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), TypedError> {
        self.count += 1;
        self.put(name)?;
        self.put(value)
    }

    fn end(self) -> Result<(), TypedError> {
        self.finish();
        Ok(())
    }
}
