-- Text that is compared or ordered is in the order of its bytes, whatever the database's own is.
CREATE TABLE records (
	id BYTEA PRIMARY KEY, -- the 16 bytes of a UUID
	request_id BYTEA,
	time BIGINT NOT NULL, -- milliseconds since 1970, UTC
	attempt INTEGER NOT NULL,
	final SMALLINT NOT NULL,
	checkpoint SMALLINT NOT NULL,
	provider TEXT COLLATE "C",
	model TEXT COLLATE "C",
	request_model TEXT COLLATE "C",
	status INTEGER NOT NULL,
	key TEXT COLLATE "C",
	labels JSONB, -- a JSON object
	cost_state TEXT,
	cost_nano_usd BIGINT NOT NULL,
	price_id TEXT COLLATE "C",
	usage_state TEXT,
	first_byte_us BIGINT NOT NULL,
	duration_us BIGINT NOT NULL,
	bytes_in BIGINT NOT NULL,
	bytes_out BIGINT NOT NULL,
	input_tokens BIGINT,
	output_tokens BIGINT,
	cache_read_tokens BIGINT,
	cache_read_audio_tokens BIGINT,
	cache_read_image_tokens BIGINT,
	cache_write_tokens BIGINT,
	cache_write_5m_tokens BIGINT,
	cache_write_1h_tokens BIGINT,
	reasoning_tokens BIGINT,
	input_audio_tokens BIGINT,
	output_audio_tokens BIGINT,
	input_image_tokens BIGINT,
	output_image_tokens BIGINT,
	input_video_tokens BIGINT,
	output_video_tokens BIGINT,
	total_tokens BIGINT,
	images BIGINT,
	seconds DOUBLE PRECISION,
	characters BIGINT,
	searches BIGINT,
	pages BIGINT,
	reported_cost_usd DOUBLE PRECISION,
	other_numbers TEXT, -- JSON of what the columns above cannot hold
	service_tier TEXT,
	response_id TEXT,
	region TEXT,
	client TEXT,
	method TEXT,
	path TEXT,
	stream SMALLINT NOT NULL,
	resent INTEGER NOT NULL,
	ended TEXT,
	stream_usage TEXT,
	parts TEXT, -- a JSON array of objects
	doubts TEXT, -- a JSON array of texts
	events BIGINT NOT NULL,
	revision TEXT,
	error TEXT,
	raw_usage BYTEA
);
CREATE INDEX records_by_time ON records (time, id);
CREATE INDEX records_by_key ON records (key, time, id) WHERE key IS NOT NULL;

CREATE TABLE rollups (
	cut TEXT COLLATE "C" NOT NULL,
	grain BIGINT NOT NULL, -- milliseconds
	start BIGINT NOT NULL, -- milliseconds since 1970, UTC
	who TEXT COLLATE "C" NOT NULL,
	provider TEXT COLLATE "C" NOT NULL,
	model TEXT COLLATE "C" NOT NULL,
	status INTEGER NOT NULL,
	requests BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	failures BIGINT NOT NULL,
	unpriced BIGINT NOT NULL,
	missing BIGINT NOT NULL,
	partial BIGINT NOT NULL,
	cost_nano_usd BIGINT NOT NULL,
	reported_cost_nano_usd BIGINT NOT NULL,
	input_tokens BIGINT NOT NULL,
	output_tokens BIGINT NOT NULL,
	cache_read_tokens BIGINT NOT NULL,
	cache_write_tokens BIGINT NOT NULL,
	reasoning_tokens BIGINT NOT NULL,
	input_audio_tokens BIGINT NOT NULL,
	output_audio_tokens BIGINT NOT NULL,
	input_image_tokens BIGINT NOT NULL,
	output_image_tokens BIGINT NOT NULL,
	images BIGINT NOT NULL,
	milliseconds BIGINT NOT NULL,
	characters BIGINT NOT NULL,
	searches BIGINT NOT NULL,
	pages BIGINT NOT NULL,
	bytes_in BIGINT NOT NULL,
	bytes_out BIGINT NOT NULL,
	duration_us BIGINT NOT NULL,
	first_byte_us BIGINT NOT NULL,
	answered BIGINT NOT NULL,
	PRIMARY KEY (cut, grain, start, who, provider, model, status)
);

CREATE TABLE prices (
	id TEXT COLLATE "C" PRIMARY KEY,
	"row" BYTEA NOT NULL
);

CREATE TABLE state (
	name TEXT COLLATE "C" PRIMARY KEY,
	value BIGINT NOT NULL
);
