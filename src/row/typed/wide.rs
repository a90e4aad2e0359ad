//! Integers of 128 bits: those within 64 bits are integers like others, larger ones an error.
//!
//! A newcomer's trap: `rmp_serde` writes any of them as 16 raw bytes, which no step reads as a
//! number. So every value goes to it through [`Narrow`], at any depth.

use serde::ser::{self, Error, Serialize, Serializer};

/// What is said of one that is larger.
pub(super) const TOO_WIDE: &str = "an integer has at most 64 bits here";

/// A value whose wide integers are narrowed on their way out; or, as a serializer, the one that
/// does so on the way to another.
pub(super) struct Narrow<T>(pub T);

impl<T: Serialize + ?Sized> Serialize for Narrow<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Narrow(serializer))
    }
}

/// Methods that pass on what they get.
macro_rules! scalars {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method(self, $($argument: $type),*) -> Result<S::Ok, S::Error> {
            self.0.$method($($argument),*)
        }
    )*};
}

/// Methods that pass on a value behind a name.
macro_rules! wrappers {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<T: Serialize + ?Sized>(
            self,
            $($argument: $type,)*
            value: &T,
        ) -> Result<S::Ok, S::Error> {
            self.0.$method($($argument,)* &Narrow(value))
        }
    )*};
}

/// Methods that begin several values.
macro_rules! compounds {
    ($($method:ident($($argument:ident: $type:ty),*) -> $of:ident)*) => {$(
        fn $method(self, $($argument: $type),*) -> Result<Narrow<S::$of>, S::Error> {
            self.0.$method($($argument),*).map(Narrow)
        }
    )*};
}

impl<S: Serializer> Serializer for Narrow<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Narrow<S::SerializeSeq>;
    type SerializeTuple = Narrow<S::SerializeTuple>;
    type SerializeTupleStruct = Narrow<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Narrow<S::SerializeTupleVariant>;
    type SerializeMap = Narrow<S::SerializeMap>;
    type SerializeStruct = Narrow<S::SerializeStruct>;
    type SerializeStructVariant = Narrow<S::SerializeStructVariant>;

    fn serialize_i128(self, number: i128) -> Result<S::Ok, S::Error> {
        match i64::try_from(number) {
            Ok(number) => self.0.serialize_i64(number),
            Err(_) => {
                let number = u64::try_from(number).map_err(|_| S::Error::custom(TOO_WIDE))?;
                self.0.serialize_u64(number)
            }
        }
    }

    fn serialize_u128(self, number: u128) -> Result<S::Ok, S::Error> {
        let number = u64::try_from(number).map_err(|_| S::Error::custom(TOO_WIDE))?;
        self.0.serialize_u64(number)
    }

    scalars! {
        serialize_bool(value: bool) serialize_i8(value: i8) serialize_i16(value: i16)
        serialize_i32(value: i32) serialize_i64(value: i64) serialize_u8(value: u8)
        serialize_u16(value: u16) serialize_u32(value: u32) serialize_u64(value: u64)
        serialize_f32(value: f32) serialize_f64(value: f64) serialize_char(value: char)
        serialize_str(value: &str) serialize_bytes(value: &[u8]) serialize_none() serialize_unit()
        serialize_unit_struct(name: &'static str)
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str)
    }

    wrappers! {
        serialize_some()
        serialize_newtype_struct(name: &'static str)
        serialize_newtype_variant(name: &'static str, index: u32, variant: &'static str)
    }

    compounds! {
        serialize_seq(len: Option<usize>) -> SerializeSeq
        serialize_tuple(len: usize) -> SerializeTuple
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> SerializeTupleVariant
        serialize_map(len: Option<usize>) -> SerializeMap
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> SerializeStructVariant
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// The values of several, one by one.
macro_rules! elements {
    ($($trait:ident { $($method:ident($($name:ident: $type:ty)?))* })*) => {$(
        impl<S: ser::$trait> ser::$trait for Narrow<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: $type,)?
                value: &T,
            ) -> Result<(), S::Error> {
                self.0.$method($($name,)? &Narrow(value))
            })*

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq { serialize_element() }
    SerializeTuple { serialize_element() }
    SerializeTupleStruct { serialize_field() }
    SerializeTupleVariant { serialize_field() }
    SerializeMap { serialize_key() serialize_value() }
    SerializeStruct { serialize_field(name: &'static str) }
    SerializeStructVariant { serialize_field(name: &'static str) }
}
