PRAGMA user_version = 1;
PRAGMA application_id = 1112229452;
BEGIN TRANSACTION;
CREATE TABLE files (
        load INTEGER NOT NULL REFERENCES loads, position INTEGER NOT NULL, path NOT NULL, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, rows INTEGER NOT NULL, seal INTEGER NOT NULL,
        PRIMARY KEY (load, position)) WITHOUT ROWID;
INSERT INTO "files" VALUES(1,0,'a.csv',200,1700000000000000001,'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',15,2445727599);
INSERT INTO "files" VALUES(1,1,X'62FF2E637376',100,7,'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee',5,2770646377);
CREATE TABLE loads (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, staged_at REAL NOT NULL,
        completed_at REAL, read INTEGER NOT NULL, skipped INTEGER NOT NULL, rejected INTEGER NOT NULL,
        duplicate INTEGER NOT NULL, events INTEGER NOT NULL, n_parts INTEGER NOT NULL, mapping TEXT NOT NULL,
        ids_digest TEXT NOT NULL, id_scheme_version INTEGER NOT NULL, ids_kept INTEGER NOT NULL,
        seal INTEGER NOT NULL);
INSERT INTO "loads" VALUES(1,'files','complete',1700000000.25,20.0,20,2,1,1,16,2,'mapping-1','dddddddddddddddddddddddddddddddd',1,0,1761838183);
INSERT INTO "loads" VALUES(2,'files','discarded',1700000000.25,NULL,8,0,0,0,8,1,'mapping-2','dddddddddddddddddddddddddddddddd',1,0,1469445619);
INSERT INTO "loads" VALUES(3,'retry','open',1700000000.25,NULL,9,0,0,2,7,1,'mapping-3','dddddddddddddddddddddddddddddddd',1,0,2444911536);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, seal INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('created_at','1700000000.0',3687093859);
INSERT INTO "meta" VALUES('endpoint','https://one.example',614777722);
INSERT INTO "meta" VALUES('job','docs',3463104398);
INSERT INTO "meta" VALUES('schema_seal','2311097183',3109266357);
INSERT INTO "meta" VALUES('schema_version','1',1755448190);
CREATE TABLE parts (
        load INTEGER NOT NULL REFERENCES loads, number INTEGER NOT NULL, events INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, n_duplicate INTEGER NOT NULL,
        n_delivered INTEGER NOT NULL, n_refused INTEGER NOT NULL, seal INTEGER NOT NULL, duplicate BLOB NOT NULL,
        delivered BLOB NOT NULL, refused BLOB NOT NULL, PRIMARY KEY (load, number)) WITHOUT ROWID;
INSERT INTO "parts" VALUES(1,1,12,1200,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',1,11,0,258456714,X'0800',X'F70F',X'0000');
INSERT INTO "parts" VALUES(1,2,5,500,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',0,4,1,1075153610,X'00',X'17',X'08');
INSERT INTO "parts" VALUES(3,1,9,900,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',2,1,1,940828530,X'0101',X'0200',X'0400');
CREATE TABLE refusals (
        load INTEGER NOT NULL, part INTEGER NOT NULL, idx INTEGER NOT NULL, code TEXT NOT NULL,
        reason TEXT NOT NULL, status INTEGER NOT NULL, server_code TEXT, detail TEXT, request_id TEXT,
        attempts INTEGER NOT NULL, first_at REAL NOT NULL, last_at REAL NOT NULL, seal INTEGER NOT NULL,
        PRIMARY KEY (load, part, idx), FOREIGN KEY (load, part) REFERENCES parts) WITHOUT ROWID;
INSERT INTO "refusals" VALUES(1,2,3,'server_rejected','no such field',422,NULL,'at /type','req-1',2,100.5,101.25,2150387684);
INSERT INTO "refusals" VALUES(3,1,2,'server_rejected','no such field',422,NULL,'at /type','req-1',2,100.5,101.25,4093987701);
CREATE TABLE runs (
        number INTEGER PRIMARY KEY, load INTEGER, started_at REAL NOT NULL, ended_at REAL, exit_code INTEGER,
        state TEXT, delivered INTEGER NOT NULL, attempts INTEGER NOT NULL, retries INTEGER NOT NULL,
        seal INTEGER NOT NULL);
INSERT INTO "runs" VALUES(1,1,10.0,21.0,3,'complete',15,16,0,1756504206);
INSERT INTO "runs" VALUES(2,3,30.5,NULL,NULL,NULL,0,0,0,2036950244);
COMMIT;
