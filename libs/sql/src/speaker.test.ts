import { speakerOf } from './speaker.js';

test.each<[string, string]>([
  ['SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n', 'an SSH server'],
  ['HTTP/1.1 400 Bad Request\r\n', 'a web server (HTTP)'],
  ['<html><script>alert(1)</script>', 'a web server (HTTP)'],
  ['INFO {"server_id":"x"}\r\n', 'a NATS server'],
  ['-ERR unknown command\r\n', 'a Redis server'],
  ['220 mail.example.com ESMTP\r\n', 'a mail or FTP server'],
  ['\x4a\0\0\0\x0a8.0.36\0\x01\0\0\0', 'a MySQL server (8.0.36)'],
  ['\x6d\0\0\0\x0a5.5.5-10.11.19-MariaDB-log\0\x01', 'a MariaDB server (5.5.5-10.11.19-MariaDB-log)'],
  ['\x4a\0\0\0\x0a\x1b[31m8.0\0', 'a server of the MySQL family'],
  ['\x17\0\0\0\xff\x10\x04Too many connections', 'a server of the MySQL family'],
  ['N', 'a PostgreSQL server'],
  ['S', 'a PostgreSQL server'],
  ['R\0\0\0\x08\0\0\0\x03', 'a PostgreSQL server'],
  ['\x15\x03\x01\0\x02\x02\x46', 'a server that speaks TLS from the start (HTTPS?)'],
  ['\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09', 'something unknown (its first bytes: 0001020304050607)'],
])('%j is %s', (words, speaker) => {
  expect(speakerOf(Buffer.from(words, 'latin1'))).toBe(speaker);
});
