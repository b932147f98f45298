//! The rarer names of a large population, composed of parts.
//!
//! The lists in [`super::names`] are short, so in a file of a million every name in them would be as common as no real
//! name is, and every block would be a giant. Here each list gets a tail: names put together from our own syllables and
//! word parts in the manner of the culture, every combination once. Nothing is copied from a register, and likeness to
//! a real name is an accident of composing. How common they are is [`super::stock`]'s business.

/// Names that are put together, one part of each list after the other.
pub(super) struct Tail {
    parts: &'static [&'static [&'static str]],
    /// How level the top of the list is: the nth name is as common as `1 / (n + flat)`.
    pub(super) flat: f64,
}

/// The tails of one culture, in the order of [`super::names::CULTURES`].
pub(super) struct Tails {
    pub(super) women: Tail,
    pub(super) men: Tail,
    pub(super) surnames: Tail,
}

impl Tail {
    /// Returns how many names can be composed.
    pub(super) fn count(&self) -> usize {
        self.parts.iter().map(|part| part.len()).product()
    }

    /// Composes the nth name, `n` below [`Tail::count`].
    pub(super) fn compose(&self, n: usize) -> String {
        // Neighbours in rank should not share their beginning, so the ranks walk through the combinations in strides.
        let mut at = n * stride(self.count()) % self.count();
        let mut chosen = Vec::with_capacity(self.parts.len());
        for part in self.parts {
            chosen.push(part[at % part.len()]);
            at /= part.len();
        }
        chosen.concat()
    }
}

/// A stride that visits every one of `count` places: near the golden section, and without a common divisor.
fn stride(count: usize) -> usize {
    let near = (count * 618 / 1000).max(1);
    (near..=near + count).find(|&stride| divisor(stride, count) == 1).unwrap_or(1)
}

fn divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { divisor(other, one % other) }
}

/// One entry a culture, in the order of [`super::names::CULTURES`].
pub(super) const TAILS: [Tails; 7] = [
    Tails {
        women: Tail {
            parts: &[
                &[
                    "Ad", "Al", "Am", "An", "Bri", "Car", "Cel", "Cor", "Dan", "Del", "Ed", "El",
                    "Em", "Ev", "Flor", "Gab", "Gin", "Hel", "Is", "Jan", "Jos", "Jul", "Kar",
                    "Lar", "Lil", "Lor", "Luc", "Mad", "Mar", "Mel", "Mir", "Nad", "Nat", "Nor",
                    "Ol", "Pam", "Ros", "Ruth", "Sab", "Sam", "Ser", "Tam", "Val", "Viv", "Wen",
                ],
                &[
                    "a", "anne", "ara", "elle", "ena", "etta", "ia", "ice", "ie", "ina", "ine",
                    "issa", "lyn", "ora", "oria", "y",
                ],
            ],
            flat: 2.5,
        },
        men: Tail {
            parts: &[
                &[
                    "Al", "Ar", "Bar", "Ben", "Ber", "Brad", "Cal", "Car", "Ced", "Clif", "Con",
                    "Dar", "Den", "Don", "Ed", "El", "Ev", "Fran", "Gar", "Ger", "Gil", "Har",
                    "Her", "Hor", "Jar", "Ken", "Lan", "Leo", "Lor", "Mar", "Mel", "Mor", "Nor",
                    "Os", "Per", "Quen", "Ray", "Rod", "Rup", "Sel", "Stan", "Ter", "Vin", "Wal",
                    "Wil",
                ],
                &[
                    "ald", "ard", "bert", "den", "ford", "frey", "ian", "ick", "in", "ley", "mond",
                    "on", "ric", "ton", "us", "win",
                ],
            ],
            flat: 2.0,
        },
        surnames: Tail {
            parts: &[
                &[
                    "Ack", "Ald", "App", "Ash", "Ath", "Bam", "Bar", "Beck", "Bex", "Birch",
                    "Black", "Bol", "Brad", "Bram", "Brook", "Buck", "Burn", "Cald", "Carl",
                    "Chad", "Ched", "Cold", "Corn", "Cran", "Dar", "Den", "Dor", "Dray", "Dun",
                    "East", "Edg", "Elm", "Fair", "Farn", "Fen", "Gar", "Glaz", "Gold", "Gran",
                    "Green", "Had", "Hal", "Hart", "Hath", "Haw", "Heath", "Hol", "Horn", "Huck",
                    "Ilk", "Ken", "Kirk", "Lang", "Led", "Lin", "Long", "Lud", "Mal", "Marsh",
                    "Mel", "Mid", "Mos", "Net", "Nor", "Oak", "Old", "Pad", "Pen", "Pick", "Rad",
                    "Ram", "Rip", "Rus", "Sal", "Sedg", "Shel", "Sil", "Snow", "Stain", "Stan",
                    "Stock", "Sut", "Tad", "Thorn", "Til", "Un", "Wad", "Wal", "Wex", "Whit",
                    "Win", "Wool", "Wy", "Yar",
                ],
                &["", "en", "er", "ing", "el", "a"],
                &[
                    "bourne", "bridge", "brook", "bury", "by", "cliffe", "combe", "cott", "croft",
                    "dale", "den", "field", "ford", "gate", "hall", "ham", "hurst", "land", "ley",
                    "lock", "man", "mere", "more", "ridge", "sall", "shaw", "side", "smith", "son",
                    "stead", "stone", "thorpe", "ton", "wald", "way", "well", "wick", "wood",
                    "worth", "wright", "yard",
                ],
            ],
            flat: 4.0,
        },
    },
    Tails {
        women: Tail {
            parts: &[
                &[
                    "Ad", "Al", "Am", "An", "Bel", "Bl", "Cel", "Clar", "Con", "Dor", "El", "Em",
                    "Esm", "Est", "Flor", "Gl", "Hort", "Ir", "Jac", "Jos", "Jul", "Leon", "Lor",
                    "Luis", "Mar", "Mat", "Mir", "Ram", "Ros", "Vir",
                ],
                &[
                    "alia", "ana", "anca", "ela", "elia", "encia", "eralda", "erta", "ica", "ilde",
                    "ina", "inda", "isa", "ita", "ora", "uela",
                ],
            ],
            flat: 2.5,
        },
        men: Tail {
            parts: &[
                &[
                    "Ad", "Al", "Am", "Arm", "Aur", "Bas", "Ben", "Cam", "Cel", "Dem", "Ed", "El",
                    "Em", "Ev", "Fab", "Ger", "Gon", "Her", "Il", "Jac", "Leon", "Lor", "Marc",
                    "Mat", "Nic", "Oct", "Ram", "Rod", "Sat", "Val",
                ],
                &[
                    "alio", "ando", "ano", "ardo", "ario", "elio", "encio", "eo", "erto", "ido",
                    "ilio", "ín", "ino", "olfo", "onio", "urio",
                ],
            ],
            flat: 2.0,
        },
        surnames: Tail {
            parts: &[
                &[
                    "A", "Al", "Ar", "Ba", "Bal", "Be", "Bo", "Bra", "Ca", "Cas", "Ce", "Co",
                    "Cor", "Cue", "De", "Du", "E", "Es", "Fa", "Fi", "Ga", "Gue", "Gui", "He",
                    "Hue", "I", "Iri", "La", "Le", "Lo", "Ma", "Mal", "Me", "Mi", "Mo", "Mon",
                    "Na", "O", "Or", "Pa", "Pe", "Pi", "Qui", "Re", "Ro", "Sa", "San", "So", "Ta",
                    "To", "Ur", "Va", "Vi", "Za", "Zu",
                ],
                &["b", "d", "g", "l", "ll", "m", "n", "nd", "ñ", "r", "rr", "rt", "s", "t", "z"],
                &[
                    "ado", "aga", "ales", "ano", "anza", "ares", "arte", "eda", "ena", "era",
                    "ero", "eta", "ez", "illo", "ines", "ola", "ondo", "osa", "uela", "uri",
                ],
            ],
            flat: 4.0,
        },
    },
    Tails {
        women: Tail {
            parts: &[
                &[
                    "Aal", "An", "Bar", "Bet", "Cor", "Dor", "El", "Eef", "Fem", "Ger", "Gri",
                    "Han", "Hen", "Il", "Jan", "Jol", "Kar", "Lis", "Mar", "Min", "Nel", "Pet",
                    "Roos", "Sies", "Tin", "Wil",
                ],
                &[
                    "a", "da", "eke", "elien", "elot", "ette", "ie", "ina", "ine", "je", "ke",
                    "lijn", "mieke", "tje",
                ],
            ],
            flat: 2.5,
        },
        men: Tail {
            parts: &[
                &[
                    "Aal", "Ad", "Ar", "Bar", "Ber", "Die", "Ever", "Flo", "Frie", "Gan", "Ger",
                    "Gijs", "Har", "Her", "Huib", "Joos", "Koen", "Lam", "Leen", "Mach", "Mein",
                    "Rein", "Rob", "Sieg", "Wou", "Wy",
                ],
                &[
                    "bert", "bout", "brand", "der", "derik", "dert", "fried", "hard", "iel", "ke",
                    "man", "mer", "nout", "ter", "wijn",
                ],
            ],
            flat: 2.0,
        },
        surnames: Tail {
            parts: &[
                &["", "", "van ", "van de ", "van der ", "van den ", "de "],
                &[
                    "Aar", "Acker", "Beek", "Berken", "Boom", "Bosch", "Brand", "Bruin", "Dijk",
                    "Dool", "Drie", "Duin", "Eik", "Els", "Gaste", "Gras", "Groen", "Haver",
                    "Heide", "Helle", "Hoek", "Hooge", "Kamper", "Kerk", "Klaver", "Koren", "Laak",
                    "Lange", "Linde", "Loo", "Maas", "Meer", "Molen", "Nieuwe", "Ooster", "Oude",
                    "Polder", "Riet", "Rozen", "Schaap", "Slot", "Spring", "Steen", "Tolle",
                    "Veen", "Voor", "Water", "Wester", "Wilde", "Zand", "Zuider",
                ],
                &[
                    "aar", "baan", "beek", "berg", "boer", "bos", "broek", "burg", "dam", "donk",
                    "hof", "horst", "huis", "huizen", "kamp", "laan", "land", "man", "meijer",
                    "mond", "poort", "sluis", "stra", "veld", "wegen", "werf", "wijk", "zicht",
                ],
            ],
            flat: 4.0,
        },
    },
    Tails {
        women: Tail {
            parts: &[
                &[
                    "Al", "Bog", "Bron", "Cec", "Dan", "Dob", "El", "Fel", "Gab", "Hal", "Iz",
                    "Jan", "Jol", "Kal", "Kam", "Kin", "Len", "Lid", "Mar", "Mil", "Nat", "Ol",
                    "Pat", "Reg", "Sab", "Stan", "Tat", "Wand", "Wer", "Zen",
                ],
                &[
                    "ena", "eta", "ia", "ina", "isława", "iwia", "omira", "onika", "usia", "yna",
                    "ycja", "yda",
                ],
            ],
            flat: 2.5,
        },
        men: Tail {
            parts: &[
                &[
                    "Bogu", "Bole", "Boży", "Broni", "Czę", "Dobro", "Domi", "Gnie", "Jaro",
                    "Kazi", "Ludo", "Mieczy", "Miło", "Mści", "Prze", "Rado", "Sędzi", "Sławo",
                    "Stani", "Święto", "Wacła", "Wito", "Włady", "Zby", "Zdzi",
                ],
                &[
                    "bor", "bój", "gniew", "mił", "mir", "mysł", "rad", "sław", "stryj", "sz",
                    "woj", "wit",
                ],
            ],
            flat: 2.0,
        },
        surnames: Tail {
            parts: &[
                &[
                    "Adam", "Bab", "Bąk", "Bart", "Biał", "Bor", "Brzez", "Bud", "Chmiel", "Cich",
                    "Czar", "Czap", "Dęb", "Dom", "Droz", "Dziec", "Gaj", "Gład", "Głow", "Goł",
                    "Gór", "Graj", "Grusz", "Jan", "Jar", "Jastrz", "Jed", "Kal", "Kasz", "Kier",
                    "Klim", "Koch", "Kos", "Kraj", "Krasz", "Kub", "Lech", "Les", "Lip", "Łęt",
                    "Łuk", "Mal", "Mar", "Mędr", "Mich", "Mor", "Nied", "Niez", "Oles", "Ost",
                    "Paw", "Piąt", "Piec", "Pod", "Rad", "Rogal", "Ros", "Ryb", "Sad", "Siem",
                    "Skal", "Sob", "Sos", "Stan", "Szul", "Świd", "Tar", "Tom", "Tur", "Wal",
                    "Węg", "Wierz", "Wit", "Woln", "Zab", "Zaj", "Zar", "Zwol", "Żel", "Żór",
                ],
                &["", "al", "an", "ar", "ej", "ik", "in", "isz", "ol", "osz", "ow"],
                &["ański", "arski", "ecki", "ewski", "icki", "iński", "owski", "yński"],
            ],
            flat: 4.0,
        },
    },
    Tails {
        women: Tail {
            parts: &[
                &[
                    "Að", "Al", "Arn", "Auð", "Ás", "Berg", "Bryn", "Dag", "Ey", "Finn", "Geir",
                    "Guð", "Hall", "Heið", "Her", "Hjör", "Hrafn", "Ing", "Jó", "Ragn", "Sæ",
                    "Sig", "Sól", "Stein", "Svan", "Val", "Vil", "Þor",
                ],
                &[
                    "björg", "borg", "dís", "ey", "finna", "gerður", "heiður", "hildur", "laug",
                    "ný", "ríður", "rún", "veig", "vör",
                ],
            ],
            flat: 2.5,
        },
        men: Tail {
            parts: &[
                &[
                    "Að", "Al", "Arn", "Auð", "Ás", "Berg", "Bryn", "Dag", "Ey", "Finn", "Geir",
                    "Guð", "Hall", "Heið", "Her", "Hjör", "Hrafn", "Ing", "Jó", "Ragn", "Sæ",
                    "Sig", "Sól", "Stein", "Svan", "Val", "Vil", "Þor",
                ],
                &[
                    "bjartur", "björn", "finnur", "geir", "grímur", "kell", "laugur", "leifur",
                    "mar", "mundur", "ólfur", "steinn", "valdur", "varður", "viður",
                ],
            ],
            flat: 2.0,
        },
        // Nobody has a surname here; the list is never drawn from.
        surnames: Tail { parts: &[&[]], flat: 1.0 },
    },
    Tails {
        women: Tail {
            parts: &[
                &[
                    "Ab", "Ad", "Am", "As", "Bah", "Bas", "Dal", "Far", "Gh", "Had", "Han", "Ik",
                    "Jam", "Kar", "Lat", "Maj", "Man", "Nad", "Nah", "Raj", "Ram", "Saf", "Sam",
                    "Shah", "Sum", "Tah", "Wid", "Zah",
                ],
                &[
                    "a", "aya", "eela", "eera", "eeza", "ia", "ida", "ima", "ina", "ira", "ouba",
                    "ra", "sana", "wa",
                ],
            ],
            flat: 2.5,
        },
        men: Tail {
            parts: &[
                &["", "", "", "Abdul ", "Abdel "],
                &[
                    "Ad", "Am", "An", "Bas", "Fad", "Far", "Gham", "Had", "Ham", "Jal", "Jam",
                    "Kar", "Lat", "Maj", "Man", "Nad", "Naj", "Raf", "Rash", "Saf", "Sal", "Sam",
                    "Shak", "Tal", "Wal", "Zah",
                ],
                &["al", "am", "an", "ar", "eed", "eel", "eem", "een", "eer", "ek", "i", "il", "ir"],
            ],
            flat: 2.0,
        },
        surnames: Tail {
            parts: &[
                &["", "", "", "al-", "el-", "abu ", "ben "],
                &[
                    "Ab", "Ad", "Akh", "Am", "Ash", "Bad", "Bar", "Bash", "Daw", "Dib", "Fad",
                    "Far", "Gha", "Had", "Hak", "Ham", "Hij", "Jab", "Jun", "Kar", "Kass", "Lat",
                    "Mar", "Maz", "Mub", "Naj", "Naw", "Qad", "Qas", "Rab", "Rah", "Sab", "Sal",
                    "Sham", "Sul", "Tal", "Wah", "Yaq", "Zah", "Zub",
                ],
                &[
                    "aani", "ab", "adi", "ai", "akh", "ali", "am", "ani", "ar", "awi", "een",
                    "eer", "i", "imi", "oub", "our", "oush", "ri", "san", "wan",
                ],
            ],
            flat: 3.0,
        },
    },
    Tails {
        women: Tail {
            parts: &[
                &[
                    "Ái", "Bích", "Chau", "Cẩm", "Fang", "Hạ", "Hye", "Jia", "Jing", "Kim", "Li",
                    "Ling", "Mai", "Min", "Mỹ", "Ngân", "Qing", "Quỳnh", "Rui", "Seo", "Shu",
                    "Thanh", "Thu", "Tuyết", "Xiao", "Yan", "Yến", "Yu",
                ],
                &["-", " ", ""],
                &[
                    "anh", "chi", "fen", "hoa", "hua", "hyun", "ji", "lan", "li", "linh", "mei",
                    "na", "nga", "ping", "qi", "rong", "ting", "trâm", "vân", "yeon", "ying",
                ],
            ],
            flat: 2.5,
        },
        men: Tail {
            parts: &[
                &[
                    "Anh", "Bảo", "Bo", "Chí", "Công", "Dong", "Gia", "Guo", "Hai", "Hoàng",
                    "Hyun", "Ji", "Jian", "Khánh", "Long", "Min", "Nam", "Phúc", "Quang", "Sang",
                    "Seung", "Thanh", "Thiên", "Văn", "Xin", "Yong", "Zhi",
                ],
                &["-", " ", ""],
                &[
                    "bin", "cheng", "cường", "feng", "hai", "hiếu", "ho", "hui", "jie", "jun",
                    "kiệt", "lâm", "min", "ming", "phong", "qiang", "sơn", "tao", "tín", "vinh",
                    "woo",
                ],
            ],
            flat: 2.0,
        },
        surnames: Tail {
            parts: &[
                &[
                    "Aki", "Ara", "Fuka", "Hama", "Haya", "Hira", "Ishi", "Ita", "Iwa", "Kado",
                    "Kami", "Kawa", "Kita", "Kono", "Kuro", "Mae", "Matsu", "Mina", "Miya", "Mori",
                    "Naga", "Naka", "Nishi", "Oga", "Oka", "Saka", "Shima", "Sugi", "Taka", "Tomi",
                    "Ue", "Yama", "Yoko", "Yoshi",
                ],
                &[
                    "bara", "be", "da", "gami", "gawa", "guchi", "hara", "hashi", "kawa", "ki",
                    "mi", "mine", "moto", "mura", "nishi", "no", "oka", "saki", "sawa", "shita",
                    "tani", "to", "yama", "zaki",
                ],
            ],
            flat: 1.5,
        },
    },
];

/// Streets of a large population.
pub(super) const STREETS: Tail = Tail {
    parts: &[
        &[
            "Abbey",
            "Acorn",
            "Anchor",
            "Apple",
            "Barley",
            "Barn",
            "Beacon",
            "Beech",
            "Bell",
            "Birch",
            "Bishop",
            "Blacksmith",
            "Bramble",
            "Brewery",
            "Briar",
            "Brick",
            "Castle",
            "Cherry",
            "Chestnut",
            "Clay",
            "Clover",
            "Copper",
            "Coronation",
            "Crane",
            "Dairy",
            "Dove",
            "Eagle",
            "Elder",
            "Falcon",
            "Farm",
            "Fern",
            "Ferry",
            "Field",
            "Fishers",
            "Foundry",
            "Fountain",
            "Garden",
            "George",
            "Glebe",
            "Granary",
            "Grove",
            "Harvest",
            "Hazel",
            "Heron",
            "Hollow",
            "Holly",
            "Ivy",
            "Jubilee",
            "Juniper",
            "Kiln",
            "Lake",
            "Lark",
            "Laurel",
            "Lime",
            "Linden",
            "Magnolia",
            "Maple",
            "Market",
            "Mason",
            "Mayfield",
            "Mercer",
            "Monk",
            "Moor",
            "Nelson",
            "Oak",
            "Paddock",
            "Peacock",
            "Pine",
            "Plough",
            "Poplar",
            "Priory",
            "Quarry",
            "Railway",
            "Rectory",
            "River",
            "Rose",
            "Rowan",
            "Saddler",
            "Salt",
            "Shepherd",
            "Spring",
            "Stone",
            "Swan",
            "Sycamore",
            "Thistle",
            "Tower",
            "Vale",
            "Vine",
            "Walnut",
            "Warren",
            "Water",
            "Weaver",
            "Well",
            "Willow",
            "Wood",
            "Yew",
        ],
        &[
            " Avenue",
            " Close",
            " Court",
            " Crescent",
            " Drive",
            " Gardens",
            " Hill",
            " Lane",
            " Mews",
            " Path",
            " Place",
            " Rise",
            " Road",
            " Row",
            " Street",
            " Terrace",
            " Walk",
            " Way",
        ],
    ],
    flat: 12.0,
};

/// Towns of a large population.
pub(super) const TOWNS: Tail = Tail {
    parts: &[
        &["", "", "", "Great ", "Little ", "Upper ", "Nether ", "Port "],
        &[
            "Aber", "Alder", "Amble", "Barrow", "Bel", "Birken", "Black", "Brim", "Calder", "Carn",
            "Clun", "Corran", "Dun", "Eden", "Esk", "Farra", "Fen", "Gar", "Glen", "Hap", "Hax",
            "Inver", "Kel", "Kirk", "Lang", "Lor", "Marl", "Mor", "Naver", "Nun", "Orm", "Pen",
            "Quern", "Rath", "Rook", "Scar", "Selk", "Sker", "Stor", "Tarn", "Thirl", "Ulver",
            "Wax", "Whern", "Yarrow",
        ],
        &[
            "beck", "borough", "by", "cliff", "dale", "fell", "firth", "garth", "gill", "ham",
            "haven", "holme", "keld", "mere", "mouth", "ness", "rigg", "scale", "side", "sted",
            "thwaite", "wick", "with", "wold",
        ],
    ],
    flat: 3.0,
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_combination_is_composed_once() {
        let tail =
            Tail { parts: &[&["A", "B", "C"], &["a", "e"], &["n", "r", "s", "t"]], flat: 1.0 };
        let composed: BTreeSet<String> = (0..tail.count()).map(|n| tail.compose(n)).collect();
        assert_eq!(composed.len(), 24);
    }

    #[test]
    fn names_beside_each_other_in_rank_begin_otherwise() {
        for Tails { women, men, surnames } in &TAILS {
            for tail in [women, men, surnames].into_iter().filter(|tail| tail.count() > 0) {
                assert_ne!(tail.compose(0), tail.compose(1));
            }
        }
    }

    #[test]
    fn a_surname_that_follows_the_sex_ends_in_i() {
        let polish = &TAILS[3].surnames;
        assert!((0..polish.count()).all(|n| polish.compose(n).ends_with('i')));
    }

    #[test]
    fn ranks_fit_sixteen_bits_together_with_the_short_lists() {
        for Tails { women, men, surnames } in &TAILS {
            for tail in [women, men, surnames] {
                assert!(tail.count() < 60_000);
            }
        }
    }
}
