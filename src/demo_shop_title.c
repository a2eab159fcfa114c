/*-------------------------------------------------------------------------
 *
 * demo_shop_title.c
 *	  Names for the products of the invented shop.
 *
 * A title is size, look, kind and noun of its category: "Small blue ceramic
 * teapot".  The number of a product within its category is written in a mixed
 * radix of the word lists after a multiplication that spreads neighbours, so
 * titles differ; past the 4,608 of a category they get a number at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "demo_shop.h"

#define SIZES	6
#define LOOKS	16
#define KINDS	6
#define NOUNS	8
#define TITLES	(SIZES * LOOKS * KINDS * NOUNS)
#define STRIDE	1223			/* prime, so coprime to TITLES */

typedef struct Category
{
	const char *name;
	int			cents;			/* a middling price */
	bool		consumable;		/* bought again and again */
	const char *const *looks;
	const char *kinds[KINDS];
	const char *nouns[NOUNS];
} Category;

static const char *const sizes[SIZES] = {
	"", "small", "large", "classic", "slim", "handmade"
};

static const char *const colours[LOOKS] = {
	"blue", "red", "green", "white", "black", "grey", "yellow", "pink",
	"brown", "cream", "orange", "violet", "turquoise", "striped", "dotted",
	"checked"
};

static const char *const flavours[LOOKS] = {
	"vanilla", "lemon", "honey", "almond", "mint", "ginger", "cherry", "rose",
	"apple", "cinnamon", "lavender", "orange", "coconut", "fig", "maple",
	"plain"
};

static const Category categories[RS_SHOP_CATEGORIES] = {
	{
		"kitchen", 2400, false, colours,
		{"steel", "ceramic", "cast-iron", "bamboo", "enamel", "silicone"},
		{"saucepan", "colander", "mixing bowl", "spatula", "cake tin", "kettle", "whisk", "chopping board"}
	},
	{
		"tableware", 1600, false, colours,
		{"ceramic", "glass", "porcelain", "stoneware", "melamine", "wooden"},
		{"teapot", "plate", "mug", "bowl", "jug", "salad dish", "egg cup", "tray"}
	},
	{
		"lighting", 4500, false, colours,
		{"brass", "paper", "linen", "glass", "rattan", "steel"},
		{"table lamp", "floor lamp", "pendant light", "lantern", "night light", "wall lamp", "reading lamp", "lampshade"}
	},
	{
		"textiles", 3200, false, colours,
		{"cotton", "linen", "wool", "velvet", "jute", "fleece"},
		{"cushion", "blanket", "tablecloth", "curtain", "rug", "bed cover", "throw", "towel"}
	},
	{
		"furniture", 14900, false, colours,
		{"oak", "pine", "birch", "walnut", "metal", "rattan"},
		{"chair", "side table", "bookcase", "stool", "bench", "chest", "desk", "coat stand"}
	},
	{
		"garden", 2900, false, colours,
		{"zinc", "clay", "wooden", "steel", "stone", "wicker"},
		{"flower pot", "watering can", "bird house", "trowel", "planter", "garden chair", "wind chime", "bird bath"}
	},
	{
		"toys", 1900, false, colours,
		{"wooden", "plush", "tin", "paper", "felt", "knitted"},
		{"train", "bear", "puzzle", "rabbit", "kite", "spinning top", "doll house", "building set"}
	},
	{
		"jewellery", 5900, false, colours,
		{"silver", "gold-plated", "glass-bead", "leather", "pearl", "resin"},
		{"necklace", "bracelet", "ring", "brooch", "pair of earrings", "anklet", "hair clip", "pendant"}
	},
	{
		"stationery", 700, true, colours,
		{"recycled", "kraft", "lined", "hardback", "spiral", "pocket"},
		{"notebook", "letter set", "diary", "sketchbook", "gift wrap", "card set", "address book", "folder"}
	},
	{
		"bath", 900, true, flavours,
		{"olive-oil", "shea", "goat-milk", "oatmeal", "sea-salt", "clay"},
		{"soap", "shampoo bar", "bath salt", "hand cream", "body lotion", "bath bomb", "face mask", "scrub"}
	},
	{
		"tea and coffee", 1100, true, flavours,
		{"black", "green", "white", "decaf", "organic", "smoked"},
		{"tea", "tea bags", "loose-leaf tea", "espresso beans", "ground coffee", "coffee pods", "cold brew", "latte mix"}
	},
	{
		"sweets", 800, true, flavours,
		{"dark", "milk", "crunchy", "soft", "salted", "organic"},
		{"chocolate", "fudge", "nougat", "biscuits", "caramels", "truffles", "wafers", "granola"}
	}
};

const char *
rs_shop_category(int category)
{
	return categories[category].name;
}

int
rs_shop_category_cents(int category)
{
	return categories[category].cents;
}

bool
rs_shop_consumable(int category)
{
	return categories[category].consumable;
}

/*
 * Title of the number-th product (from 0) of a category, into a buffer of
 * RS_SHOP_TITLE_LEN bytes.
 */
void
rs_shop_title(int category, int number, char *title)
{
	const Category *c = &categories[category];
	int			code = (int) (((int64) number * STRIDE) % TITLES);
	int			round = number / TITLES;
	const char *noun = c->nouns[code % NOUNS];
	const char *kind = c->kinds[code / NOUNS % KINDS];
	const char *look = c->looks[code / (NOUNS * KINDS) % LOOKS];
	const char *size = sizes[code / (NOUNS * KINDS * LOOKS)];
	int			used;

	used = snprintf(title, RS_SHOP_TITLE_LEN, "%s%s%s %s %s", size,
					size[0] ? " " : "", look, kind, noun);
	if (round > 0)
		snprintf(title + used, RS_SHOP_TITLE_LEN - used, " no. %d", round + 1);
	title[0] = pg_toupper((unsigned char) title[0]);
}
