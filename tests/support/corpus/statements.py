"""SQL by what it would do: ``dialect | kind | text``, a statement or several a line; the worst of them counts.

``refused`` is what is never run: what reaches past the tables, and what the parser does not know.
"""

CORPUS = """
duckdb | read | select 1
duckdb | read | SELECT * FROM t
duckdb | read | from t
duckdb | read | from t select a, b where c > 1
duckdb | read | table t
duckdb | read | values (1, 'a'), (2, 'b')
duckdb | read | select a from t union select b from u
duckdb | read | select a from t except select b from u order by 1 limit 3
duckdb | read | (select 1)
duckdb | read | with x as (select 1 as a) select * from x
duckdb | read | with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) select * from n
duckdb | read | select * from t where a in (select b from u)
duckdb | read | select count(*) filter (where a > 1) from t
duckdb | read | select a, row_number() over (partition by b order by c) from t qualify row_number() over () = 1
duckdb | read | pivot t on a using sum(b)
duckdb | read | unpivot t on a, b into name k value v
duckdb | read | summarize t
duckdb | read | describe t
duckdb | read | show tables
duckdb | read | SHOW TABLES ;
duckdb | read | explain select 1
duckdb | read | explain analyze select 1
duckdb | read | select * from 'a.csv'
duckdb | read | select * from read_csv('a.csv', header = true)
duckdb | read | select * from read_parquet(['a.parquet', 'b.parquet'])
duckdb | read | select 'drop table t'
duckdb | read | select "delete" from t
duckdb | read | select 1 -- ; drop table t
duckdb | read | select /* insert into t values (1) */ 1
duckdb | read | select 1; select 2
duckdb | read | select ';'
duckdb | read | select $a, :b
duckdb | read | select * exclude (a) replace (b + 1 as b) from t
duckdb | read | select columns('a.*') from t
duckdb | read | select list_transform([1, 2], x -> x + 1)
duckdb | read | select {'a': 1}.a
duckdb | read | select * from t asof join u on t.a >= u.a
duckdb | read | select * from t positional join u
duckdb | read | select * from range(3)
duckdb | read | select unnest([1, 2])
duckdb | read | select cast('2024-01-01' as date) + interval 1 day
duckdb | read | select case when exists (select 1 from t) then 1 end
duckdb | read | select * from t tablesample 10%
duckdb | read | select a from t group by all having count(*) > 1
duckdb | read | select distinct on (a) * from t
duckdb | write | insert into t values (1)
duckdb | write | INSERT INTO t SELECT * FROM u
duckdb | write | insert or replace into t values (1)
duckdb | write | insert into t values (1) returning *
duckdb | write | insert into t values (1) on conflict do nothing
duckdb | write | update t set a = 1
duckdb | write | update t set a = u.b from u where t.c = u.c
duckdb | write | delete from t
duckdb | write | delete from t using u where t.a = u.a
duckdb | write | merge into t using u on t.a = u.a when matched then delete
duckdb | write | with x as (select 1) insert into t select * from x
duckdb | write | with x as (delete from t returning *) select * from x
duckdb | write | select 1; delete from t
duckdb | write | delete from t; select 1
duckdb | write | SeLeCt 1;\tDeLeTe FrOm t
duckdb | write | select 1;/**/update t set a = 1
duckdb | ddl | create table t (a int)
duckdb | ddl | create table t as select 1
duckdb | ddl | create or replace view v as select * from t
duckdb | ddl | create temp table t (a int)
duckdb | ddl | create index i on t (a)
duckdb | ddl | create schema s
duckdb | ddl | create sequence s
duckdb | ddl | create macro m(a) as a + 1
duckdb | refused | create type mood as enum ('a')
duckdb | ddl | drop table t
duckdb | ddl | drop table if exists t cascade
duckdb | ddl | drop view v
duckdb | ddl | alter table t add column b int
duckdb | ddl | alter table t rename to u
duckdb | ddl | alter table t drop column a
duckdb | ddl | truncate table t
duckdb | ddl | truncate t
duckdb | ddl | comment on table t is 'x'
duckdb | ddl | select * into u from t
duckdb | ddl | select 1; drop table t
duckdb | ddl | insert into t values (1); drop table t
duckdb | refused | create trigger g after insert on t begin delete from u; end
duckdb | refused | attach 'a.db'
duckdb | refused | attach 'a.db' as a (read_only)
duckdb | refused | detach a
duckdb | refused | use a
duckdb | refused | copy t to 'a.csv'
duckdb | refused | copy t from 'a.csv'
duckdb | refused | copy (select 1) to 'a.parquet' (format parquet)
duckdb | refused | install httpfs
duckdb | refused | force install httpfs
duckdb | refused | load httpfs
duckdb | refused | pragma database_list
duckdb | refused | pragma enable_profiling
duckdb | refused | set threads = 1
duckdb | refused | SET GLOBAL enable_external_access = true
duckdb | refused | reset threads
duckdb | refused | call pragma_version()
duckdb | refused | prepare p as select 1
duckdb | refused | execute p
duckdb | refused | vacuum
duckdb | refused | checkpoint
duckdb | refused | import database 'a'
duckdb | refused | export database 'a'
duckdb | refused | begin
duckdb | refused | commit
duckdb | refused | rollback
duckdb | refused | analyze
duckdb | refused | explain delete from t
duckdb | refused | explain analyze insert into t values (1)
duckdb | refused | explain select 1; select 2
duckdb | refused | select 1; pragma version
duckdb | refused | set variable a = 1; select 1
duckdb | refused | grant all on t to a
duckdb | refused | create secret (type s3)
duckdb | refused |
duckdb | refused | ;
duckdb | refused | -- nothing
duckdb | refused | /* drop table t */
duckdb | refused | hello
duckdb | refused | selec 1
duckdb | refused | select * from
duckdb | refused | select 'a
duckdb | refused | do $$ begin end $$
duckdb | refused | lock table t
duckdb | refused | 1 + 1
duckdb | refused | drop
postgres | read | select a::int, b ->> 'c' from t where d ~ 'e'
postgres | read | select * from only t
postgres | read | select (t).a from t
postgres | read | table t
postgres | read | select distinct on (a) * from t
postgres | read | select $$drop table t$$
postgres | read | select 'it''s; delete from t'
postgres | read | select E'\\'; drop table t; --'
postgres | write | select * from t for update
postgres | write | select * from t for share
postgres | write | with x as (insert into t values (1) returning *) select * from x
postgres | write | with x as (update t set a = 1 returning a) select count(*) from x
postgres | write | select * from (select 1) q, t for update of t
postgres | ddl | select a into u from t
postgres | refused | create extension dblink
postgres | ddl | create function f() returns int language sql as 'select 1'
postgres | ddl | create materialized view v as select 1
postgres | refused | alter role a superuser
postgres | refused | copy t from program 'id'
postgres | refused | copy t to '/tmp/a'
postgres | refused | set role a
postgres | refused | set session authorization a
postgres | refused | reset role
postgres | refused | listen a
postgres | refused | notify a
postgres | refused | call f()
postgres | refused | grant select on t to public
postgres | refused | revoke all on t from public
postgres | refused | vacuum full t
postgres | refused | explain (analyze) delete from t
postgres | refused | explain analyze delete from t
postgres | refused | discard all
postgres | refused | reindex table t
postgres | refused | refresh materialized view v
postgres | refused | do $$ begin perform 1; end $$
mysql | read | select `a` from `t` where b like 'c%'
mysql | read | select 1 /*!50000 , 2 */
mysql | write | select * from t lock in share mode
mysql | refused | replace into t values (1)
mysql | ddl | select 1 into @a
mysql | refused | select * from t into outfile '/tmp/a'
mysql | refused | /*!50000 drop table t */
mysql | refused | handler t open
mysql | refused | load data infile 'a' into table t
mysql | refused | set global general_log = 1
mysql | refused | kill 5
mysql | refused | use other
mysql | refused | show grants
sqlite | read | select rowid, * from t
sqlite | read | select * from t where a match 'b'
sqlite | read | select json_extract(a, '$.b') from t
sqlite | write | insert or ignore into t values (1)
sqlite | refused | pragma table_info(t)
sqlite | refused | pragma writable_schema = 1
sqlite | refused | attach database 'a' as b
sqlite | refused | vacuum into 'a'
sqlite | refused | replace into t values (1)
sqlite | ddl | create virtual table t using fts5(a)
tsql | read | select top 3 * from t
tsql | read | select [a b] from [t]
tsql | refused | exec xp_cmdshell 'dir'
tsql | refused | execute sp_help
tsql | refused | declare @a int
tsql | ddl | select * into u from t
"""
ROWS = [tuple(part.strip(" ") for part in line.split("|", 2)) for line in CORPUS.strip().splitlines()]
