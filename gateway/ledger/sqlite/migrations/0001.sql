CREATE TABLE records (
	id BLOB NOT NULL UNIQUE, -- the 16 bytes of a UUID
	request_id BLOB,
	time INTEGER NOT NULL DEFAULT 0, -- milliseconds since 1970, UTC
	attempt INTEGER NOT NULL DEFAULT 0,
	final INTEGER NOT NULL DEFAULT 0,
	checkpoint INTEGER NOT NULL DEFAULT 0,
	provider TEXT,
	model TEXT,
	request_model TEXT,
	status INTEGER NOT NULL DEFAULT 0,
	key TEXT,
	labels TEXT, -- a JSON object
	cost_state TEXT,
	cost_nano_usd INTEGER NOT NULL DEFAULT 0,
	price_id TEXT,
	usage_state TEXT,
	first_byte_us INTEGER NOT NULL DEFAULT 0,
	duration_us INTEGER NOT NULL DEFAULT 0,
	bytes_in INTEGER NOT NULL DEFAULT 0,
	bytes_out INTEGER NOT NULL DEFAULT 0,
	input_tokens INTEGER,
	output_tokens INTEGER,
	cache_read_tokens INTEGER,
	cache_read_audio_tokens INTEGER,
	cache_read_image_tokens INTEGER,
	cache_write_tokens INTEGER,
	cache_write_5m_tokens INTEGER,
	cache_write_1h_tokens INTEGER,
	reasoning_tokens INTEGER,
	input_audio_tokens INTEGER,
	output_audio_tokens INTEGER,
	input_image_tokens INTEGER,
	output_image_tokens INTEGER,
	input_video_tokens INTEGER,
	output_video_tokens INTEGER,
	total_tokens INTEGER,
	images INTEGER,
	seconds REAL,
	characters INTEGER,
	searches INTEGER,
	pages INTEGER,
	reported_cost_usd REAL,
	other_numbers TEXT, -- JSON of what the columns above cannot hold
	service_tier TEXT,
	response_id TEXT,
	region TEXT,
	client TEXT,
	method TEXT,
	path TEXT,
	stream INTEGER NOT NULL DEFAULT 0,
	resent INTEGER NOT NULL DEFAULT 0,
	ended TEXT,
	stream_usage TEXT,
	parts TEXT, -- a JSON array of objects
	doubts TEXT, -- a JSON array of texts
	events INTEGER NOT NULL DEFAULT 0,
	revision TEXT,
	error TEXT,
	raw_usage BLOB
);
CREATE INDEX records_by_time ON records (time, id);
CREATE INDEX records_by_key ON records (key, time, id) WHERE key IS NOT NULL;

CREATE TABLE rollups (
	cut TEXT NOT NULL,
	grain INTEGER NOT NULL, -- milliseconds
	start INTEGER NOT NULL, -- milliseconds since 1970, UTC
	who TEXT NOT NULL,
	provider TEXT NOT NULL,
	model TEXT NOT NULL,
	status INTEGER NOT NULL DEFAULT 0,
	requests INTEGER NOT NULL DEFAULT 0,
	attempts INTEGER NOT NULL DEFAULT 0,
	failures INTEGER NOT NULL DEFAULT 0,
	unpriced INTEGER NOT NULL DEFAULT 0,
	missing INTEGER NOT NULL DEFAULT 0,
	partial INTEGER NOT NULL DEFAULT 0,
	cost_nano_usd INTEGER NOT NULL DEFAULT 0,
	reported_cost_nano_usd INTEGER NOT NULL DEFAULT 0,
	input_tokens INTEGER NOT NULL DEFAULT 0,
	output_tokens INTEGER NOT NULL DEFAULT 0,
	cache_read_tokens INTEGER NOT NULL DEFAULT 0,
	cache_write_tokens INTEGER NOT NULL DEFAULT 0,
	reasoning_tokens INTEGER NOT NULL DEFAULT 0,
	input_audio_tokens INTEGER NOT NULL DEFAULT 0,
	output_audio_tokens INTEGER NOT NULL DEFAULT 0,
	input_image_tokens INTEGER NOT NULL DEFAULT 0,
	output_image_tokens INTEGER NOT NULL DEFAULT 0,
	images INTEGER NOT NULL DEFAULT 0,
	milliseconds INTEGER NOT NULL DEFAULT 0,
	characters INTEGER NOT NULL DEFAULT 0,
	searches INTEGER NOT NULL DEFAULT 0,
	pages INTEGER NOT NULL DEFAULT 0,
	bytes_in INTEGER NOT NULL DEFAULT 0,
	bytes_out INTEGER NOT NULL DEFAULT 0,
	duration_us INTEGER NOT NULL DEFAULT 0,
	first_byte_us INTEGER NOT NULL DEFAULT 0,
	answered INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (cut, grain, start, who, provider, model, status)
) WITHOUT ROWID;

CREATE TABLE prices (
	id TEXT PRIMARY KEY,
	row BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE state (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;
