//! The two ways through a proxy: CONNECT and SOCKS5.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::proxy::ProxyUrl;

/// A proxy's reply to CONNECT may not be longer than this.
const MAX_CONNECT_HEAD: usize = 8 * 1024;

/// The `Proxy-Authorization` value for a proxy with a login.
pub(crate) fn basic_authorization(proxy: &ProxyUrl) -> Option<String> {
    let (user, password) = proxy.login()?;
    Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// Asks an HTTP proxy for a tunnel.
// Source: RFC 9110 §9.3.6.
pub(crate) async fn connect<S>(stream: &mut S, proxy: &ProxyUrl, host: &str, port: u16) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(value) = basic_authorization(proxy) {
        head.push_str("Proxy-Authorization: ");
        head.push_str(&value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;

    // Byte by byte, since what follows the blank line already belongs to the tunnel; it is one small reply.
    let mut reply = Vec::with_capacity(128);
    while !reply.ends_with(b"\r\n\r\n") {
        if reply.len() >= MAX_CONNECT_HEAD {
            return Err(refused("its reply to CONNECT has no end"));
        }
        reply.push(stream.read_u8().await?);
    }
    let status = reply.split(|b| *b == b' ').nth(1).and_then(|code| std::str::from_utf8(code).ok());
    match status.and_then(|code| code.parse::<u16>().ok()) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(refused("it refused our user name and password (407)")),
        Some(code) => Err(refused(&format!("it refused CONNECT with status {code}"))),
        None => Err(refused("it does not speak HTTP")),
    }
}

/// Asks a SOCKS5 proxy for a tunnel. The proxy resolves the name.
// Source: RFC 1928 §3 to §6; RFC 1929.
pub(crate) async fn socks5<S>(stream: &mut S, proxy: &ProxyUrl, host: &str, port: u16) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let login = proxy.login();
    let greeting: &[u8] = if login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(greeting).await?;
    stream.flush().await?;
    let mut choice = [0_u8; 2];
    stream.read_exact(&mut choice).await?;
    match (choice, login) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => socks5_login(stream, user, password).await?,
        ([5, _], _) => return Err(refused("it accepts none of our ways to log in")),
        _ => return Err(refused("it does not speak SOCKS5")),
    }
    stream.write_all(&socks5_request(host, port)?).await?;
    stream.flush().await?;

    let mut head = [0_u8; 4];
    stream.read_exact(&mut head).await?;
    let [version, code, _, kind] = head;
    if version != 5 {
        return Err(refused("it does not speak SOCKS5"));
    }
    if code != 0 {
        return Err(refused(socks5_failure(code)));
    }
    let address = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(refused("its reply names an unknown kind of address")),
    };
    let mut rest = vec![0_u8; address + 2];
    stream.read_exact(&mut rest).await?;
    Ok(())
}

async fn socks5_login<S>(stream: &mut S, user: &str, password: &str) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = vec![1, octets(user)?];
    message.extend_from_slice(user.as_bytes());
    message.push(octets(password)?);
    message.extend_from_slice(password.as_bytes());
    stream.write_all(&message).await?;
    stream.flush().await?;
    let mut verdict = [0_u8; 2];
    stream.read_exact(&mut verdict).await?;
    match verdict {
        [_, 0] => Ok(()),
        _ => Err(refused("it refused our user name and password")),
    }
}

fn socks5_request(host: &str, port: u16) -> io::Result<Vec<u8>> {
    let mut message = vec![5, 1, 0];
    match host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => {
            message.push(1);
            message.extend_from_slice(&ip.octets());
        }
        Ok(std::net::IpAddr::V6(ip)) => {
            message.push(4);
            message.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            message.extend_from_slice(&[3, octets(host)?]);
            message.extend_from_slice(host.as_bytes());
        }
    }
    message.extend_from_slice(&port.to_be_bytes());
    Ok(message)
}

fn octets(text: &str) -> io::Result<u8> {
    u8::try_from(text.len()).map_err(|_| refused("a name is longer than SOCKS5 can say"))
}

fn socks5_failure(code: u8) -> &'static str {
    match code {
        2 => "its rules forbid this connection",
        3 => "it cannot reach the network",
        4 => "it cannot reach the host",
        5 => "the host refused its connection",
        6 => "its connection ran out of time",
        7 | 8 => "it does not support this request",
        _ => "it failed",
    }
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, reason.to_owned())
}
