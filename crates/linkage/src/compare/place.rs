//! How far two places lie apart on the globe.
//!
//! By the haversine formula, on a sphere of the Earth's mean radius: against the ellipsoid it is off by up to half a per
//! cent, which no threshold in whole kilometres minds. Symmetric, and 0 of equal places. It knows no roads.
//!
//! Source: Sinnott, Virtues of the Haversine, Sky and Telescope 68, 1984.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::elementary::{asin, cos, sin};

/// The Earth's mean radius, rounded as record linkage commonly does.
const RADIUS_KILOMETRES: f64 = 6371.0;

/// A place on the globe.
#[derive(Clone, Copy)]
pub struct Place {
    latitude_degrees: f64,
    longitude_degrees: f64,
}

impl Place {
    /// Takes a latitude from -90 to 90 and a longitude from -180 to 180 degrees; nothing else is a place.
    pub fn new(latitude_degrees: f64, longitude_degrees: f64) -> Option<Self> {
        let holds = latitude_degrees.abs() <= 90.0 && longitude_degrees.abs() <= 180.0;
        // Minus zero is zero: they are one place, and must have one code.
        holds.then_some(Self {
            latitude_degrees: latitude_degrees + 0.0,
            longitude_degrees: longitude_degrees + 0.0,
        })
    }

    /// Returns latitude and longitude.
    #[cfg(feature = "plan")]
    pub(crate) fn degrees(&self) -> (f64, f64) {
        (self.latitude_degrees, self.longitude_degrees)
    }

    /// Writes latitude and longitude, as shortly as reads back the same.
    pub(crate) fn text(&self) -> String {
        format!("{} {}", self.latitude_degrees, self.longitude_degrees)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Place([redacted])")
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Place {}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.latitude_degrees.to_bits(), self.longitude_degrees.to_bits()).hash(state);
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.latitude_degrees
            .total_cmp(&other.latitude_degrees)
            .then(self.longitude_degrees.total_cmp(&other.longitude_degrees))
    }
}

/// Returns the kilometres between two places along the globe.
///
/// # Examples
///
/// ```
/// use linkage::compare::place::{Place, kilometres};
///
/// let (london, paris) = (Place::new(51.5074, -0.1278), Place::new(48.8566, 2.3522));
/// let apart = london.zip(paris).map(|(one, other)| kilometres(one, other));
/// assert!(apart.is_some_and(|apart| (apart - 343.6).abs() < 0.1));
/// ```
pub fn kilometres(one: Place, other: Place) -> f64 {
    // The smaller first, so that the bits don't depend on who is asked of whom.
    let (one, other) = (one.min(other), one.max(other));
    let (here, there) = (one.latitude_degrees.to_radians(), other.latitude_degrees.to_radians());
    let north = sin((there - here) / 2.0);
    let east = sin((other.longitude_degrees - one.longitude_degrees).to_radians() / 2.0);
    let square = north * north + cos(here) * cos(there) * east * east;
    2.0 * RADIUS_KILOMETRES * asin(square.sqrt().min(1.0))
}

/// Says whether two places lie at most this many kilometres apart.
pub fn within_kilometres(one: Place, other: Place, most: f64) -> bool {
    kilometres(one, other) <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(one: (f64, f64), other: (f64, f64), expected: f64) {
        let place = |(latitude, longitude)| Place::new(latitude, longitude).unwrap();
        let (one, other) = (place(one), place(other));
        let apart = kilometres(one, other);
        assert!((apart - expected).abs() < 1e-6, "{apart} {expected}");
        assert_eq!(apart.to_bits(), kilometres(other, one).to_bits());
    }

    #[test]
    fn a_quarter_of_the_globe_is_a_quarter_of_its_girth() {
        let quarter = RADIUS_KILOMETRES * std::f64::consts::FRAC_PI_2;
        check((0.0, 0.0), (0.0, 90.0), quarter);
        check((0.0, 10.0), (90.0, -170.0), quarter);
        check((0.0, 0.0), (0.0, 180.0), 2.0 * quarter);
        check((12.5, 7.0), (12.5, 7.0), 0.0);
        // Across the date line is not around the globe.
        check((0.0, 179.0), (0.0, -179.0), quarter / 45.0);
    }

    #[test]
    fn a_bound_holds_up_to_and_with_it() {
        let (one, other) = (Place::new(0.0, 0.0).unwrap(), Place::new(0.0, 1.0).unwrap());
        let apart = kilometres(one, other);
        assert!(within_kilometres(one, other, apart));
        assert!(!within_kilometres(one, other, apart.next_down()));
        assert!(within_kilometres(one, one, 0.0));
    }

    #[test]
    fn only_what_is_on_the_globe_is_a_place_and_none_shows_itself() {
        assert!(Place::new(90.1, 0.0).is_none());
        assert!(Place::new(0.0, -180.5).is_none());
        assert!(Place::new(f64::NAN, 0.0).is_none());
        assert_eq!(Place::new(-0.0, 0.0), Place::new(0.0, -0.0));
        assert_eq!(format!("{:?}", Place::new(1.0, 2.0).unwrap()), "Place([redacted])");
    }
}
