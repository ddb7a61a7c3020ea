"""Words of land, water and works that a query may hold: a pruned vocabulary keeps them whole."""

WORDS = """
aerodrome agricultural agriculture aircraft airfield airplane airport airstrip alley apartment apron aqueduct
archipelago arena asphalt atoll avenue badlands bank bare barge barn barren basin basketball bay bayou beach bedrock
berm boat boulevard breakwater bridge brook building bunker burned bush cabin cable camp campus canal canopy canyon
cape car cargo carport castle cathedral cattle cemetery center channel chapel chaparral chimney church cirrus city
cliff cloud coast coastal coastline commercial compound concrete condominium conifer construction container coral
corn cornfield cottage cotton court cove crane crater creek crop cropland crossroads culvert dam debris deciduous
deforestation delta dense depot desert destroyed dike dirt ditch dock downtown drought dry dune dyke earthquake
embankment erosion estate estuary evergreen excavation factory fallow farm farmhouse farmland farmyard fence ferry
field fire fjord flood flooded floodplain foothills forest forested fort freeway freight freighter garage garden
geyser glacier glade golf gorge grain granary grass grassland gravel grazing greenery greenhouse grove gulf hangar
harbor harbour hay headland heath hedge helicopter helipad hill hills hilly hospital hotel house housing hut ice
iceberg industrial industry inlet interchange intersection irrigated irrigation island islands isthmus jetty jungle
junction lagoon lake lakeshore landfill landslide lane lava lawn levee lighthouse livestock loading lock logging
lowland mangrove mansion marina marsh marshland meadow metropolitan military mill mine mining monastery moor moorland
mosque motorway mountain mountainous mountains mud mudflat neighborhood neighbourhood oasis ocean office offshore oil
olive open orchard outcrop overgrown overpass paddy palm panels park parking pasture path paved pavement peak peaks
peninsula petroleum pier pine pipeline pitch plain plains plane plantation plateau platform playground plaza plowed
polder pond pool port power prairie quarry quay quays racetrack railroad railway rainforest ranch rapids ravine reef
refinery reservoir residential resort rice ridge river riverbank riverbed road roadside rock rocks rocky roof rooftop
roundabout row rubble ruins runway rural sailboat salt sand sandbar sandy savanna savannah school scrub scrubland sea
seaport seashore seaside sediment settlement shack shed ship shipping shipyard shoal shop shops shore shoreline shrub
shrubland shrubs siding silo silos skyscraper slope slum smoke snow snowy soccer soil solar spillway spring square
stadium storage strait stream street suburb suburban suburbs summit surf swamp swimming tank tanker tanks tarmac
taxiway temple tennis terminal terrace terraces tidal timber toll tower town track tractor traffic trail trailer
train transmission trees trench tributary truck trucks tundra tunnel turbine turbines underpass university uphill
urban valley vegetation vehicle vessel vessels viaduct village villa vineyard vineyards volcanic volcano warehouse
warehouses wasteland water waterfall waterfront waterway waves weir wetland wetlands wharf wheat wilderness wildfire
wind winding windmill windy wood wooded woodland woodlands woods yacht yachts yard zoo""".split()
