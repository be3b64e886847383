CREATE TABLE records (
	id BLOB NOT NULL UNIQUE, -- the 16 bytes of a UUID
	request_id BLOB,
	time INTEGER NOT NULL, -- milliseconds since 1970, UTC
	attempt INTEGER NOT NULL,
	final INTEGER NOT NULL,
	checkpoint INTEGER NOT NULL,
	provider TEXT,
	model TEXT,
	request_model TEXT,
	status INTEGER NOT NULL,
	key TEXT,
	labels TEXT, -- a JSON object
	cost_state TEXT,
	cost_nano_usd INTEGER NOT NULL,
	price_id TEXT,
	usage_state TEXT,
	first_byte_us INTEGER NOT NULL,
	duration_us INTEGER NOT NULL,
	bytes_in INTEGER NOT NULL,
	bytes_out INTEGER NOT NULL,
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
	stream INTEGER NOT NULL,
	resent INTEGER NOT NULL,
	ended TEXT,
	stream_usage TEXT,
	parts TEXT, -- a JSON array of objects
	doubts TEXT, -- a JSON array of texts
	events INTEGER NOT NULL,
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
	status INTEGER NOT NULL,
	requests INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	failures INTEGER NOT NULL,
	unpriced INTEGER NOT NULL,
	missing INTEGER NOT NULL,
	partial INTEGER NOT NULL,
	cost_nano_usd INTEGER NOT NULL,
	reported_cost_nano_usd INTEGER NOT NULL,
	input_tokens INTEGER NOT NULL,
	output_tokens INTEGER NOT NULL,
	cache_read_tokens INTEGER NOT NULL,
	cache_write_tokens INTEGER NOT NULL,
	reasoning_tokens INTEGER NOT NULL,
	input_audio_tokens INTEGER NOT NULL,
	output_audio_tokens INTEGER NOT NULL,
	input_image_tokens INTEGER NOT NULL,
	output_image_tokens INTEGER NOT NULL,
	images INTEGER NOT NULL,
	milliseconds INTEGER NOT NULL,
	characters INTEGER NOT NULL,
	searches INTEGER NOT NULL,
	pages INTEGER NOT NULL,
	bytes_in INTEGER NOT NULL,
	bytes_out INTEGER NOT NULL,
	duration_us INTEGER NOT NULL,
	first_byte_us INTEGER NOT NULL,
	answered INTEGER NOT NULL,
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
